// Elements of what attention launches take.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_VIEWS_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_VIEWS_CUH_

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {

__device__ __forceinline__ float& At(const StatisticsView& view, int64_t b,
                                     int64_t head, int64_t row) {
  return view.data[b * view.batch_stride + head * view.head_stride + row];
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_VIEWS_CUH_
