// The residual addition that is fused into norms.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_RESIDUAL_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_RESIDUAL_CUH_

#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {

// Loads s[i..]: x, or x + residual, which is stored as what s is from then on.
// NormLaunch is the launch of a norm's forward pass.
template <typename T, typename NormLaunch, int kCount>
__device__ __forceinline__ void LoadSum(const NormLaunch& args, int64_t i,
                                        float (&s)[kCount]) {
  LoadElements(static_cast<const T*>(args.x) + i, s);
  if (args.residual == nullptr) return;
  float residual[kCount];
  LoadElements(static_cast<const T*>(args.residual) + i, residual);
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    s[j] = ToFloat(FromFloat<T>(s[j] + residual[j]));
  }
  StoreElements(s, static_cast<T*>(args.sum) + i);
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_RESIDUAL_CUH_
