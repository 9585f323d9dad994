// Sums in float64 and in an order that does not depend on the number of
// threads: fixed chunks of 4096 elements, each in order, and, where one number
// is asked for, the chunks' sums in a fixed pairwise tree.

#ifndef COGDIST_KERNELS_REDUCE_H_
#define COGDIST_KERNELS_REDUCE_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

inline constexpr int64_t kReduceChunk = 4096;  // elements

inline constexpr int64_t NumReduceChunks(int64_t elements) {
  return (elements + kReduceChunk - 1) / kReduceChunk;
}

// out = the sum of x, or out += it.
struct SumArgs {
  TensorView out;  // [1] float64
  TensorView x;    // [n] float32
  bool accumulate = false;
};
void Sum(Stream& stream, const SumArgs& args);

// out[i] = sum of the squares of chunk i of x. The numbers of a tensor that is
// cut at chunk borders are those of the whole, so that ranks that hold parts of
// it can add them exactly (runtime/exact_sum.h) and get the same norm as one
// rank that holds it all.
struct ChunkSumsOfSquaresArgs {
  TensorView out;  // [ceil(n / kReduceChunk)] float64, overwritten
  TensorView x;    // [n] float32
};
void ChunkSumsOfSquares(Stream& stream, const ChunkSumsOfSquaresArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_REDUCE_H_
