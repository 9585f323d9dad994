// What `cogdist bench` measures on the machine at hand.

#ifndef COGDIST_LAUNCHER_BENCHMARKS_H_
#define COGDIST_LAUNCHER_BENCHMARKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// A line of the report.
struct BenchmarkRow {
  std::string what;   // e.g. "attention backward bfloat16 d128 T4096"
  double rate = 0;    // per second, in `unit`
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

struct StepBenchmarkOptions {
  int64_t steps = 10;  // to time, after a warm-up
  // false: gradients are reduced after the backward pass, for comparison.
  bool overlap = true;
};

// The median of whole training steps of `config` (resolved) on random tokens;
// no data is needed. Collective.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkSteps(
    const RunConfig& config, RankContext& context,
    const StepBenchmarkOptions& options);

// A table with a header.
std::string FormatBenchmarks(const std::vector<BenchmarkRow>& rows);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCHMARKS_H_
