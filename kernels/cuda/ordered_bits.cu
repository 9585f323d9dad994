// Non-negative floats are ordered as their bits are; of negative ones the more
// negative has the larger bits, so that all but the sign is inverted.

#include "kernels/cuda/ordered_bits_launch.h"

#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr uint32_t kSign = 0x80000000u, kInfinity = 0x7f800000u;

template <bool kBack>
__global__ void __launch_bounds__(kThreads)
    OrderedBitsKernel(OrderedBitsLaunch args) {
  uint32_t* const x = static_cast<uint32_t*>(args.x);
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < args.n;
       i += stride) {
    uint32_t bits = x[i];
    // A negative NaN becomes a positive one, above infinity. On the way back
    // there are none: small negative numbers look like them.
    const bool is_nan = !kBack && (bits & ~kSign) > kInfinity;
    if (is_nan) {
      bits &= ~kSign;
    } else if (bits & kSign) {
      bits ^= ~kSign;
    }
    x[i] = bits;
  }
}

template <bool kBack>
void LaunchOrderedBits(GpuStream stream, const OrderedBitsLaunch& args) {
  if (args.n == 0) return;
  Launch(stream, {.grid = NumBlocks(args.n, kThreads), .block = kThreads},
         &OrderedBitsKernel<kBack>, args);
}

}  // namespace

void LaunchToOrderedBits(GpuStream stream, const OrderedBitsLaunch& args) {
  LaunchOrderedBits<false>(stream, args);
}

void LaunchFromOrderedBits(GpuStream stream, const OrderedBitsLaunch& args) {
  LaunchOrderedBits<true>(stream, args);
}

}  // namespace cogdist::cuda
