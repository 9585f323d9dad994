#include "launcher/human_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cogdist {
namespace {

TEST(HumanFormatTest, Counts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(7), "7");
  EXPECT_EQ(FormatCount(0.5), "0.50");
  EXPECT_EQ(FormatCount(12.34), "12.3");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(999.7), "1.00k");
  EXPECT_EQ(FormatCount(1000), "1.00k");
  EXPECT_EQ(FormatCount(9994), "9.99k");
  EXPECT_EQ(FormatCount(9996), "10.0k");
  EXPECT_EQ(FormatCount(412345), "412k");
  EXPECT_EQ(FormatCount(999500), "1.00M");
  EXPECT_EQ(FormatCount(141183744), "141M");
  EXPECT_EQ(FormatCount(-5000), "-5.00k");
  EXPECT_EQ(FormatCount(3e21), "3000E");
  EXPECT_EQ(FormatCount(std::nan("")), "-");
  EXPECT_EQ(FormatCount(std::numeric_limits<double>::infinity()), "-");
}

TEST(HumanFormatTest, Bytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(1023 * 1024), "1.00 MiB");
  EXPECT_EQ(FormatBytes(int64_t{3} << 29), "1.50 GiB");
  EXPECT_EQ(FormatBytes(int64_t{139} << 30), "139 GiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<int64_t>::max()), "8192 PiB");
}

TEST(HumanFormatTest, Durations) {
  EXPECT_EQ(FormatDuration(0), "0.00 s");
  EXPECT_EQ(FormatDuration(0.254), "0.25 s");
  EXPECT_EQ(FormatDuration(9.994), "9.99 s");
  EXPECT_EQ(FormatDuration(9.999), "10 s");
  EXPECT_EQ(FormatDuration(10), "10 s");
  EXPECT_EQ(FormatDuration(59.9), "59 s");
  EXPECT_EQ(FormatDuration(60), "1 min 00 s");
  EXPECT_EQ(FormatDuration(186), "3 min 06 s");
  EXPECT_EQ(FormatDuration(3600 * 3 + 60 * 6 + 59), "3 h 06 min");
  EXPECT_EQ(FormatDuration(3600 * 47 + 3599), "47 h 59 min");
  EXPECT_EQ(FormatDuration(3600 * 51), "2 d 03 h");
  EXPECT_EQ(FormatDuration(-1), "-");
  EXPECT_EQ(FormatDuration(std::nan("")), "-");
  EXPECT_EQ(FormatDuration(1e300), "-");
}

TEST(HumanFormatTest, Percents) {
  EXPECT_EQ(FormatPercent(0), "0.0 %");
  EXPECT_EQ(FormatPercent(0.5117), "51.2 %");
  EXPECT_EQ(FormatPercent(1), "100.0 %");
  EXPECT_EQ(FormatPercent(std::nan("")), "-");
}

TEST(HumanFormatTest, RowsHaveTheirValuesBelowEachOther) {
  std::string text = "run\n";
  AddRow(text, "step", "3");
  AddRow(text, "written by", "me");
  EXPECT_EQ(text,
            "run\n"
            "  step:          3\n"
            "  written by:    me\n");
}

}  // namespace
}  // namespace cogdist
