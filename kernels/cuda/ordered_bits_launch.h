// Floats as integers of the same order, for whoever compares integers only, or
// leaves NaN out of a maximum of floats. NaN, of either sign, is the largest.

#ifndef COGDIST_KERNELS_CUDA_ORDERED_BITS_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_ORDERED_BITS_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct OrderedBitsLaunch {
  void* x;  // [n] float32, replaced by int32 of the same order, or back
  int64_t n;
};
void LaunchToOrderedBits(GpuStream stream, const OrderedBitsLaunch& args);
// Back. A NaN is one, but not which one it was.
void LaunchFromOrderedBits(GpuStream stream, const OrderedBitsLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ORDERED_BITS_LAUNCH_H_
