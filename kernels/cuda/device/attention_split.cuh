// The part of a block where keys are split (attention_split.h).

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_SPLIT_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_SPLIT_CUH_

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/attention_mask.cuh"

namespace cogdist::cuda {

// Of `keys`, cut between tiles of kTileKeys from their first on, the range of
// this block; empty where there are fewer tiles than splits.
template <int kTileKeys>
__device__ __forceinline__ KeyRange SplitOf(KeyRange keys) {
  if (keys.begin >= keys.end) return keys;
  const int64_t tiles = (keys.end - keys.begin + kTileKeys - 1) / kTileKeys;
  const int64_t first = blockIdx.y * tiles / gridDim.y;
  const int64_t last = (blockIdx.y + 1) * tiles / gridDim.y;
  return {keys.begin + first * kTileKeys,
          Clamp(keys.begin + last * kTileKeys, keys.end)};
}

// The sequence whose results this block's are, those of splits being sequences
// of their own.
__device__ __forceinline__ int64_t ResultOf(const AttentionProblem& problem,
                                            int64_t sequence) {
  return blockIdx.y * problem.batch + sequence;
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_SPLIT_CUH_
