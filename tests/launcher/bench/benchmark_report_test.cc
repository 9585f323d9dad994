#include "launcher/bench/benchmark_report.h"

#include "gtest/gtest.h"

namespace cogdist {
namespace {

TEST(BenchmarkReportTest, Median) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

TEST(BenchmarkReportTest, IsATable) {
  const std::string text = FormatBenchmarks(
      {{.what = "matmul", .rate = 123e9, .unit = "FLOP", .share = 0.5},
       {.what = "add",
        .rate = 4e9,
        .unit = "byte",
        .share = 1.25,
        .share_of = "copy",
        .notes = "1.5 ms"},
       {.what = "overlap", .notes = "80 % hidden"}});
  EXPECT_EQ(text,
            "                                                   per second"
            "         share of\n"
            "matmul                                             123G  FLOP"
            "      50.0 % GEMM\n"
            "add                                               4.00G  byte"
            "     125.0 % copy  1.5 ms\n"
            "overlap                                                      "
            "                   80 % hidden\n");
}

}  // namespace
}  // namespace cogdist
