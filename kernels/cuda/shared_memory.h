// Shared memory of a block, in bytes, of the kernels that want more of it than
// every GPU has. In the program and not in the CUDA module, so that a run is
// refused before it starts.

#ifndef COGDIST_KERNELS_CUDA_SHARED_MEMORY_H_
#define COGDIST_KERNELS_CUDA_SHARED_MEMORY_H_

#include <cstdint>

namespace cogdist::cuda {

// Attention without tensor cores, in float32 tiles of 32 rows, padded to 32,
// 64, 128 or 256 elements and one more. With them, and up to a head_dim of 128,
// less than any GPU has.
constexpr int64_t AttentionTileFloats(int64_t head_dim) {
  int64_t padded = 32;
  while (padded < head_dim) padded *= 2;
  return 32 * (padded + 1);
}
constexpr int64_t AttentionForwardSharedBytes(int64_t head_dim) {
  return (3 * AttentionTileFloats(head_dim) + 32 * 32) * 4;
}
constexpr int64_t AttentionBackwardSharedBytes(int64_t head_dim) {
  return (4 * AttentionTileFloats(head_dim) + 2 * 32 * 32 + 2 * 32) * 4;
}

// LayerNorm's (2 parameters) and RMSNorm's (1): their gradients' sums, and a
// number for each warp.
constexpr int64_t NormBackwardSharedBytes(int64_t hidden, int params) {
  return (8 + params * hidden) * 4;
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_SHARED_MEMORY_H_
