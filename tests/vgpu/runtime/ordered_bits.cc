// What the kernels of kernels/cuda/ordered_bits.cu do, as work of a stream of
// this runtime: its streams do not take the emulator's launches. The kernels
// themselves are tested on the emulator (tests/kernels/cuda).

#include "kernels/cuda/ordered_bits_launch.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <mutex>

#include "runtime/check.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

namespace cogdist::cuda {
namespace {

constexpr int32_t kNan = 0x7fc00000;

int32_t ToOrdered(int32_t bits) {
  if (std::isnan(std::bit_cast<float>(bits))) return kNan;
  return bits >= 0 ? bits : bits ^ 0x7fffffff;
}

int32_t FromOrdered(int32_t bits) {
  return bits >= 0 ? bits : bits ^ 0x7fffffff;
}

void Submit(GpuStream handle, const OrderedBitsLaunch& args,
            int32_t (*convert)(int32_t)) {
  auto& stream = static_cast<vgpu::Stream&>(*handle);
  const cudaError_t error =
      stream.Submit("ordered bits", [=, &stream](vgpu::Work* work) {
        *work = [=, &stream] {
          const std::lock_guard lock(stream.machine().baton());
          auto* const x = static_cast<int32_t*>(args.x);
          for (int64_t i = 0; i < args.n; ++i) x[i] = convert(x[i]);
        };
        return cudaSuccess;
      });
  COG_CHECK_EQ(error, cudaSuccess);
}

}  // namespace

void LaunchToOrderedBits(GpuStream stream, const OrderedBitsLaunch& args) {
  Submit(stream, args, ToOrdered);
}

void LaunchFromOrderedBits(GpuStream stream, const OrderedBitsLaunch& args) {
  Submit(stream, args, FromOrdered);
}

}  // namespace cogdist::cuda
