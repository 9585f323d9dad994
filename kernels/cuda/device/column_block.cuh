// Kernels that sum over rows in registers: a thread has kCount columns, a block
// neighbouring ones of one range of rows (blockIdx.y of gridDim.y).

#ifndef COGDIST_KERNELS_CUDA_DEVICE_COLUMN_BLOCK_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_COLUMN_BLOCK_CUH_

#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {

inline constexpr int kColumnThreads = 128;

// The first column of this thread, which is past the last where it has none.
template <int kCount>
__device__ __forceinline__ int64_t FirstColumn() {
  return (int64_t{blockIdx.x} * kColumnThreads + threadIdx.x) * kCount;
}

// The rows of this block.
struct BlockRows {
  __device__ __forceinline__ explicit BlockRows(int64_t rows)
      : begin(int64_t{blockIdx.y} * rows / gridDim.y),
        end(int64_t{blockIdx.y + 1} * rows / gridDim.y) {}
  int64_t begin, end;
};

// Host: the launch of such a kernel.
inline LaunchShape ColumnBlocks(int64_t columns, int count, int64_t ranges) {
  const int64_t per_block = int64_t{kColumnThreads} * count;
  return {.grid = {static_cast<unsigned>((columns + per_block - 1) / per_block),
                   static_cast<unsigned>(ranges)},
          .block = kColumnThreads};
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_COLUMN_BLOCK_CUH_
