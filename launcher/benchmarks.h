// What `cogdist bench` measures on the machine at hand, and its report; whole
// training steps are in step_benchmark.h.

#ifndef COGDIST_LAUNCHER_BENCHMARKS_H_
#define COGDIST_LAUNCHER_BENCHMARKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/rank_context.h"

namespace cogdist {

// A line of the report.
struct BenchmarkRow {
  std::string what;   // e.g. "attention backward bfloat16 d128 T4096"
  double rate = 0;    // per second, in `unit`; 0: does not apply
  std::string unit;   // "FLOP", "byte" or "token"
  double share = 0;   // of the matrix product's rate; 0: does not apply
  std::string notes;  // more numbers, for people
};

// Matrix products of 1024 and fused Cog attention, forward and backward, in
// both precisions, with this rank's threads.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkKernels();

// The ring all-reduce of gradients over all ranks; none on one rank.
// Collective.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkCollectives(
    RankContext& context);

// REQUIRES: not empty.
double Median(std::vector<double> values);

// A table with a header.
std::string FormatBenchmarks(const std::vector<BenchmarkRow>& rows);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCHMARKS_H_
