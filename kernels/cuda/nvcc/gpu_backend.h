// The device interface of kernels/cuda/device/device.cuh for nvcc: each
// function is one PTX instruction or an intrinsic. The only inline assembly
// that kernels have.

#ifndef COGDIST_KERNELS_CUDA_NVCC_GPU_BACKEND_H_
#define COGDIST_KERNELS_CUDA_NVCC_GPU_BACKEND_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/launch_failed.h"

namespace cogdist::cuda {

using GpuStream = cudaStream_t;

__device__ __forceinline__ unsigned char* SharedArena() {
  extern __shared__ __align__(128) unsigned char shared_arena[];
  return shared_arena;
}
__device__ __forceinline__ uint32_t SharedAddress(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

struct alignas(16) Words4 {
  uint32_t word[4];
};
__device__ __forceinline__ Words4 Load16(const void* from) {
  const uint4 v = *static_cast<const uint4*>(from);
  return {{v.x, v.y, v.z, v.w}};
}
// An intrinsic, because nvcc may split what it knows to be four words.
__device__ __forceinline__ void Store16(void* to, const Words4& words) {
  __stwb(static_cast<uint4*>(to), make_uint4(words.word[0], words.word[1],
                                             words.word[2], words.word[3]));
}

__device__ __forceinline__ uint32_t FloatBits(float x) {
  return __float_as_uint(x);
}
__device__ __forceinline__ float BitsFloat(uint32_t x) {
  return __uint_as_float(x);
}
__device__ __forceinline__ int LowestBit(uint32_t x) { return __ffs(x) - 1; }
__device__ __forceinline__ int CountBits(uint32_t x) { return __popc(x); }
// cvt puts its first operand into the upper half.
__device__ __forceinline__ uint32_t PackBf16(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ uint32_t RoundBf16(float x) {
  return PackBf16(x, 0);
}
__device__ __forceinline__ float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float Reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float SignedMin(float x, float y) {
#if __CUDA_ARCH__ >= 900
  float least;
  asm("min.xorsign.abs.f32 %0, %1, %2;" : "=f"(least) : "f"(x), "f"(y));
  return least;
#else
  const float least = fminf(x, fabsf(y));
  return BitsFloat(FloatBits(least) | (FloatBits(y) & 0x80000000u));
#endif
}

__device__ __forceinline__ void CopyAsync16(uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from)
               : "memory");
}
__device__ __forceinline__ void CopyAsync16(uint32_t to, const void* from,
                                            bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to),
               "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void CommitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kGroupsLeft>
__device__ __forceinline__ void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
}

__device__ __forceinline__ void LoadMatrix4(uint32_t (&registers)[4],
                                            uint32_t address) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]),
        "=r"(registers[3])
      : "r"(address)
      : "memory");
}
__device__ __forceinline__ void LoadMatrix4Transposed(uint32_t (&registers)[4],
                                                      uint32_t address) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]),
        "=r"(registers[3])
      : "r"(address)
      : "memory");
}
__device__ __forceinline__ void MultiplyAdd(float (&d)[4],
                                            const uint32_t (&a)[4], uint32_t b0,
                                            uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;
};

// Of the current device; 0 if it does not tell.
inline int SharedBytesPerBlock() {
  int device = 0, bytes = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin,
                         device);
  return bytes;
}

template <typename Params>
void Launch(GpuStream stream, const LaunchShape& shape, void (*kernel)(Params),
            const std::type_identity_t<Params>& params) {
  constexpr size_t kWithoutAsking = 48 << 10;
  if (shape.shared_bytes > kWithoutAsking) {
    const cudaError_t error = cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
        static_cast<int>(shape.shared_bytes));
    if (error != cudaSuccess) {
      SharedMemoryRefused(shape.shared_bytes, SharedBytesPerBlock(),
                          cudaGetErrorString(error));
    }
  }
  kernel<<<shape.grid, shape.block, shape.shared_bytes, stream>>>(params);
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    LaunchFailed("kernel launch", cudaGetErrorString(error));
  }
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_NVCC_GPU_BACKEND_H_
