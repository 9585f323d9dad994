// Sums to one number, in float64 and in an order that does not depend on the
// thread count: fixed chunks of 4096 elements, each in order, then the chunks'
// sums in a fixed pairwise tree.

#ifndef COGDIST_KERNELS_REDUCE_H_
#define COGDIST_KERNELS_REDUCE_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

inline constexpr int64_t kReduceChunk = 4096;

struct ReduceArgs {
  TensorView out;  // [1] float64: overwritten, or added to if accumulate
  TensorView x;    // [n] float32
  bool accumulate = false;
};
void Sum(Stream& stream, const ReduceArgs& args);
void SumOfSquares(Stream& stream, const ReduceArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_REDUCE_H_
