// What `cogdist bench` measures between ranks.

#ifndef COGDIST_LAUNCHER_BENCH_COLLECTIVE_BENCHMARKS_H_
#define COGDIST_LAUNCHER_BENCH_COLLECTIVE_BENCHMARKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "launcher/bench/benchmark_report.h"
#include "parallel/rank_context.h"

namespace cogdist {

// All-reduce, reduce-scatter, all-gather, broadcast, and every rank's sending
// to the next one, of so many float32 elements in all, over all ranks; none on
// one rank. The rate is that of the algorithm, bytes of the whole tensor over
// time; notes have the bus's, what each link carries, which can be compared
// with the hardware whatever the number of ranks: times 2 (n - 1) / n for the
// all-reduce, (n - 1) / n for its two halves, 1 for the others, as NCCL's tests
// have it. Collective; of rank 0's time.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkCollectives(
    RankContext& context, absl::Span<const int64_t> sizes);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_COLLECTIVE_BENCHMARKS_H_
