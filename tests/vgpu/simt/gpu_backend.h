// The device interface of kernels/cuda/device/device.cuh on the emulator, for
// compilers that know nothing of CUDA.

#ifndef COGDIST_TESTS_VGPU_SIMT_GPU_BACKEND_H_
#define COGDIST_TESTS_VGPU_SIMT_GPU_BACKEND_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/launch_failed.h"
#include "tests/vgpu/simt/device_calls.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/stream_handle.h"

// CUDA's words.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __constant__
#define __launch_bounds__(...)
#define threadIdx (::cogdist::simt::ThreadIndex())
#define blockIdx (::cogdist::simt::BlockIndex())
#define blockDim (::cogdist::simt::BlockExtent())
#define gridDim (::cogdist::simt::GridExtent())

__forceinline__ void __syncthreads() { cogdist::simt::SyncThreads(); }
__forceinline__ void __syncwarp(unsigned lanes = ~0u) {
  cogdist::simt::SyncWarp(lanes);
}
template <typename T>
__forceinline__ T __shfl_sync(unsigned lanes, T value, int source_lane) {
  static_assert(sizeof(T) == 4);
  return std::bit_cast<T>(cogdist::simt::Shuffle(
      lanes, std::bit_cast<uint32_t>(value), source_lane));
}
template <typename T>
__forceinline__ T __shfl_xor_sync(unsigned lanes, T value, int bits) {
  return __shfl_sync(lanes, value, cogdist::simt::Lane() ^ bits);
}
__forceinline__ unsigned __ballot_sync(unsigned lanes, bool vote) {
  return cogdist::simt::Ballot(lanes, vote);
}
__forceinline__ float rsqrtf(float x) { return 1 / std::sqrt(x); }

namespace cogdist::cuda {

using GpuStream = CUstream_st*;

__forceinline__ unsigned char* SharedArena() { return simt::SharedArena(); }
__forceinline__ uint32_t SharedAddress(const void* pointer) {
  return simt::SharedAddress(pointer);
}

struct alignas(16) Words4 {
  uint32_t word[4];
};
__forceinline__ Words4 Load16(const void* from) {
  Words4 words;
  simt::LoadWide(&words, from);
  return words;
}
__forceinline__ void Store16(void* to, const Words4& words) {
  simt::StoreWide(to, &words);
}

__forceinline__ uint32_t FloatBits(float x) {
  return std::bit_cast<uint32_t>(x);
}
__forceinline__ float BitsFloat(uint32_t x) { return std::bit_cast<float>(x); }
__forceinline__ int LowestBit(uint32_t x) { return std::countr_zero(x); }
__forceinline__ int CountBits(uint32_t x) { return std::popcount(x); }
__forceinline__ uint32_t RoundBf16(float x) {
  const uint32_t u = FloatBits(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return (u + 0x7fffu + (u >> 16 & 1)) >> 16;
}
__forceinline__ uint32_t PackBf16(float low, float high) {
  return RoundBf16(low) | RoundBf16(high) << 16;
}
__forceinline__ float FlushDenormal(float x) {
  return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x;
}
__forceinline__ float Exp2(float x) {
  return FlushDenormal(std::exp2(FlushDenormal(x)));
}
__forceinline__ float Reciprocal(float x) {
  return FlushDenormal(1 / FlushDenormal(x));
}
__forceinline__ float SignedMin(float x, float y) {
  const float least = std::fmin(x, std::fabs(y));
  return BitsFloat(FloatBits(least) | (FloatBits(y) & 0x80000000u));
}

__forceinline__ void CopyAsync16(uint32_t to, const void* from) {
  simt::CopyAsync(to, from, 16);
}
__forceinline__ void CopyAsync16(uint32_t to, const void* from, bool valid) {
  simt::CopyAsync(to, from, valid ? 16 : 0);
}
__forceinline__ void CommitCopies() { simt::CommitCopies(); }
template <int kGroupsLeft>
__forceinline__ void WaitForCopies() {
  simt::WaitForCopies(kGroupsLeft);
}

__forceinline__ void LoadMatrix4(uint32_t (&registers)[4], uint32_t address) {
  simt::LoadMatrix(registers, 4, false, address);
}
__forceinline__ void LoadMatrix4Transposed(uint32_t (&registers)[4],
                                           uint32_t address) {
  simt::LoadMatrix(registers, 4, true, address);
}
__forceinline__ void MultiplyAdd(float (&d)[4], const uint32_t (&a)[4],
                                 uint32_t b0, uint32_t b1) {
  const uint32_t b[2] = {b0, b1};
  simt::MultiplyAdd(d, a, b);
}

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;
};

// Is this file compiled with instrumentation (tsan_callbacks.cc)?
#ifdef __SANITIZE_THREAD__
inline constexpr bool kWatched = true;
#else
inline constexpr bool kWatched = false;
#endif

template <typename Params>
void Launch(GpuStream stream, const LaunchShape& shape, void (*kernel)(Params),
            const std::type_identity_t<Params>& params) {
  struct Call {
    static void Invoke(const void* call) {
      const Call& self = *static_cast<const Call*>(call);
      self.kernel(self.params);
    }
    Params params;
    void (*kernel)(Params);
  };
  static_assert(std::is_trivially_copyable_v<Call>);
  const Call call = {params, kernel};
  const char* const error =
      stream->Enqueue({.kernel = reinterpret_cast<const void*>(kernel),
                       .invoke = &Call::Invoke,
                       .arguments = &call,
                       .argument_bytes = sizeof(call),
                       .parameter_bytes = sizeof(Params),
                       .grid = shape.grid,
                       .block = shape.block,
                       .shared_bytes = shape.shared_bytes,
                       .watched = kWatched});
  if (error != nullptr) LaunchFailed("kernel launch", error);
}

}  // namespace cogdist::cuda

#endif  // COGDIST_TESTS_VGPU_SIMT_GPU_BACKEND_H_
