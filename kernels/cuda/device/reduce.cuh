// Sums and maxima over the threads of a warp or a block, in a fixed order.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_REDUCE_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_REDUCE_CUH_

#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {

struct Add {
  template <typename T>
  __device__ __forceinline__ T operator()(T x, T y) const {
    return x + y;
  }
};
struct Max {
  __device__ __forceinline__ float operator()(float x, float y) const {
    return fmaxf(x, y);
  }
};

// Over the warp; the result is in every lane. Only whole warps call it.
template <typename Op>
__device__ __forceinline__ float WarpReduce(float x, const Op& op) {
#pragma unroll
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    x = op(x, __shfl_xor_sync(kAllLanes, x, bits));
  }
  return x;
}

// Over the block's kThreads; the result is in every thread. `scratch`, in
// shared memory, holds a number for each warp; what was there before is waited
// for and overwritten. Every thread of the block calls it.
template <int kThreads, typename Op>
__device__ __forceinline__ float BlockReduce(float x, float* scratch,
                                             const Op& op) {
  static_assert(kThreads % kWarp == 0);
  constexpr int kWarps = kThreads / kWarp;
  x = WarpReduce(x, op);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = x;
  __syncthreads();
  x = scratch[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) x = op(x, scratch[warp]);
  return x;
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_REDUCE_CUH_
