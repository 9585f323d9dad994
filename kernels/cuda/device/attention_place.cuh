// Which block of an attention kernel works where: blocks beside each other have
// tiles of one head, so that they share its keys in the L2 cache; then come the
// other heads and sequences. All of them lie along grid.x, because the others
// end at 65535.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_PLACE_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_PLACE_CUH_

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {

// Host: blocks for rows of `length` in tiles of `rows`, of `heads` heads of all
// sequences.
inline unsigned AttentionBlocks(const AttentionProblem& problem, int64_t length,
                                int64_t rows, int64_t heads) {
  const int64_t tiles = (length + rows - 1) / rows;
  return static_cast<unsigned>(tiles * problem.batch * heads);
}

enum class TileOrder {
  kFirstFirst,
  kLastFirst,  // of queries: under a causal mask the last see most, and what
               // takes longest begins first
};

// Where this block works, in a grid of AttentionBlocks().
struct BlockPlace {
  int64_t b, head;
  int64_t first;  // row of its tile
};
template <int kRows, TileOrder kOrder>
__device__ __forceinline__ BlockPlace PlaceOf(int64_t length, int64_t heads) {
  // Grids end at 2^31: short divisions do.
  const unsigned tiles = static_cast<unsigned>((length + kRows - 1) / kRows);
  const unsigned tile = blockIdx.x % tiles, rest = blockIdx.x / tiles;
  const unsigned count = static_cast<unsigned>(heads);
  return {rest / count, rest % count,
          int64_t{kOrder == TileOrder::kLastFirst ? tiles - 1 - tile : tile} *
              kRows};
}

// Query heads that share a head of keys and values.
__device__ __forceinline__ unsigned GroupOf(const AttentionProblem& p) {
  return static_cast<unsigned>(p.heads) / static_cast<unsigned>(p.kv_heads);
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_PLACE_CUH_
