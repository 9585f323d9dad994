// The report of `cogdist bench`.

#ifndef COGDIST_LAUNCHER_BENCH_BENCHMARK_REPORT_H_
#define COGDIST_LAUNCHER_BENCH_BENCHMARK_REPORT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cogdist {

// A line of it.
struct BenchmarkRow {
  std::string what;  // e.g. "attention backward bfloat16 d128 T4096"
  double rate = 0;   // per second, in `unit`; 0: does not apply
  std::string unit;  // "FLOP", "byte" or "token"
  double share = 0;  // of the rate of `share_of`; 0: does not apply
  absl::string_view share_of = "GEMM";  // or "copy"
  std::string notes;                    // more numbers, for people
};

// REQUIRES: not empty.
double Median(std::vector<double> values);

// A table with a header.
std::string FormatBenchmarks(const std::vector<BenchmarkRow>& rows);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_BENCHMARK_REPORT_H_
