// What `cogdist bench` measures of the kernels, on any device; whole training
// steps are in step_benchmark.h.

#ifndef COGDIST_LAUNCHER_BENCH_KERNEL_BENCHMARKS_H_
#define COGDIST_LAUNCHER_BENCH_KERNEL_BENCHMARKS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "launcher/bench/benchmark_report.h"
#include "launcher/bench/kernel_timer.h"
#include "launcher/roofline/kernel_shapes.h"
#include "runtime/stream.h"

namespace cogdist {

// All of them in both precisions, at these shapes, for at least `least_seconds`
// each. On a host with this rank's threads. RESOURCE_EXHAUSTED without room.
absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkKernels(
    Stream& stream, const KernelShapes& shapes, double least_seconds);

// Its parts, which add rows to `timer`.
absl::Status BenchmarkProducts(const KernelShapes& shapes, DType type,
                               KernelTimer& timer);
absl::Status BenchmarkAttention(const KernelShapes& shapes, DType type,
                                KernelTimer& timer);
absl::Status BenchmarkNorms(const KernelShapes& shapes, DType type,
                            KernelTimer& timer);
absl::Status BenchmarkElementwise(const KernelShapes& shapes, DType type,
                                  KernelTimer& timer);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_KERNEL_BENCHMARKS_H_
