// Loops over the elements of two strided views of one shape, by runs that are
// contiguous in both.

#ifndef COGDIST_KERNELS_CPU_STRIDED_FOR_H_
#define COGDIST_KERNELS_CPU_STRIDED_FOR_H_

#include <cstdint>

#include "kernels/cpu/parallel_for.h"
#include "runtime/tensor.h"

namespace cogdist::cpu {

// Calls f(i, j, count) for runs of elements: `count` of them from element i of
// a's memory and from element j of b's. Each run is on one thread.
// REQUIRES: equal shapes, or both contiguous and of equal size.
template <typename F>
void ForEachRun(const TensorView& a, const TensorView& b, const F& f) {
  const int64_t bytes = SizeOf(a.dtype) + SizeOf(b.dtype);
  if (a.IsContiguous() && b.IsContiguous()) {
    ParallelChunks(a.num_elements(), bytes, [&](int64_t begin, int64_t count) {
      f(begin, begin, count);
    });
    return;
  }
  int64_t run = 1;
  int outer = a.shape.rank();  // dimensions outside a run
  for (; outer > 0; --outer) {
    const int d = outer - 1;
    if (a.dim(d) != 1 && (a.strides.dim(d) != run || b.strides.dim(d) != run)) {
      break;
    }
    run *= a.dim(d);
  }
  ParallelFor(a.num_elements() / run, run * bytes, [&](int64_t index) {
    int64_t i = 0, j = 0;
    for (int d = outer - 1; d >= 0; --d) {
      const int64_t at = index % a.dim(d);
      index /= a.dim(d);
      i += at * a.strides.dim(d);
      j += at * b.strides.dim(d);
    }
    f(i, j, run);
  });
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_STRIDED_FOR_H_
