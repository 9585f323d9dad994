// What a reduction over ranks computes, and its arithmetic on the host.

#ifndef COGDIST_PARALLEL_REDUCTION_H_
#define COGDIST_PARALLEL_REDUCTION_H_

#include <cstdint>

#include "runtime/dtype.h"

namespace cogdist {

// A maximum with a NaN is NaN, so that no rank's trouble is lost.
enum class Reduction { kSum, kMax };

// In which order ranks are added, which decides the last bits.
enum class SumOrder {
  // Part p of the tensor along a chain of ranks, p + 1, p + 2, ..., p.
  kRing,
  // ((x0 + x1) + (x2 + x3)) + ..., for every element of any tensor: a group of
  // 2m ranks gives the bits of m ranks that hold the sums of neighbours.
  // For groups of 2^k ranks only.
  kPairwise,
};

// y[i] = y[i] + x[i], or the larger of both, for i < count. Sums: float32 or
// bfloat16 (added in float32, rounded once); maxima: float32. On the calling
// thread: it runs between two kernels.
void Reduce(Reduction op, DType dtype, void* y, const void* x, int64_t count);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_REDUCTION_H_
