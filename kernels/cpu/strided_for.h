// Loops over the elements of two strided views of one shape, by runs that are
// contiguous in both.

#ifndef COGDIST_KERNELS_CPU_STRIDED_FOR_H_
#define COGDIST_KERNELS_CPU_STRIDED_FOR_H_

#include <cstdint>

#include "kernels/cpu/parallel_for.h"
#include "kernels/runs.h"
#include "runtime/tensor.h"

namespace cogdist::cpu {

// Calls f(i, j, count) for runs of elements: `count` of them from element i of
// a's memory and from element j of b's. Each run is on one thread.
// REQUIRES: equal shapes, or both contiguous and of equal size.
template <typename F>
void ForEachRun(const TensorView& a, const TensorView& b, const F& f) {
  const int64_t bytes = SizeOf(a.dtype) + SizeOf(b.dtype);
  const Runs runs = RunsOf(a, b);
  if (runs.outer == 0) {
    ParallelChunks(runs.run, bytes, [&](int64_t begin, int64_t count) {
      f(begin, begin, count);
    });
    return;
  }
  ParallelFor(a.num_elements() / runs.run, runs.run * bytes,
              [&](int64_t index) {
                int64_t i = 0, j = 0;
                for (int d = runs.outer - 1; d >= 0; --d) {
                  const int64_t at = index % runs.extent[d];
                  index /= runs.extent[d];
                  i += at * runs.stride_a[d];
                  j += at * runs.stride_b[d];
                }
                f(i, j, runs.run);
              });
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_STRIDED_FOR_H_
