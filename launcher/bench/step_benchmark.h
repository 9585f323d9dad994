// Whole training steps, timed: what of the machine's speed a run gets, and what
// it loses to communication.

#ifndef COGDIST_LAUNCHER_BENCH_STEP_BENCHMARK_H_
#define COGDIST_LAUNCHER_BENCH_STEP_BENCHMARK_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/bench/benchmark_report.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Times `steps` training steps of `config` (resolved) on random tokens; no data
// is needed. Where ranks share gradients, steps with and without overlap take
// turns in this one run, `steps` of each, since a machine's speed drifts.
// Collective; only rank 0's rows are for people. Seconds are medians over
// steps. The rows:
//
//   training step   FLOP and tokens a second, memory
//   overlap         where ranks share gradients: of the time that their traffic
//                   takes alone, the part that is hidden, that is not waited
//                   for by the rank that waits least (the others also wait for
//                   that one, which comes late); the mean over ranks, with such
//                   waiting; a step's time over that without overlap
//   pipeline        rank 0's idle time over the time of its passes, and what
//                   the schedule's formula (parallel/pipeline/schedule.h) says
//   waiting         with several ranks: the share of a step in which the
//                   computation waits for any group's messages
//
// Waiting is known of hosts alone: a GPU's stream waits by itself, so there is
// no such row, and of the overlap only the steps' times are compared.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkSteps(
    const RunConfig& config, RankContext& context, int64_t steps);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_STEP_BENCHMARK_H_
