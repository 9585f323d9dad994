// Elements of tensors in memory, float32 or bfloat16; kernels compute in float.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ELEMENTS_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ELEMENTS_CUH_

#include "kernels/cuda/device/device.cuh"
#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct Bf16 {
  uint16_t bits;
};

__device__ __forceinline__ float ToFloat(float x) { return x; }
__device__ __forceinline__ float ToFloat(Bf16 x) {
  return BitsFloat(uint32_t{x.bits} << 16);
}

// To nearest, ties to even.
template <typename T>
__device__ __forceinline__ T FromFloat(float x);
template <>
__device__ __forceinline__ float FromFloat<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ Bf16 FromFloat<Bf16>(float x) {
  return {static_cast<uint16_t>(RoundBf16(x))};
}

// Elements that a thread takes at a time where rows allow it: one wide access
// of bfloat16, two of float32.
inline constexpr int kWide = 8;

// x = from[0, kCount). kCount is 1, or kWide, where `from` is aligned to 16.
template <int kCount>
__device__ __forceinline__ void LoadElements(const float* from,
                                             float (&x)[kCount]) {
  if constexpr (kCount == 1) {
    x[0] = *from;
  } else {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
      const Words4 words = Load16(from + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) x[i + j] = BitsFloat(words.word[j]);
    }
  }
}
template <int kCount>
__device__ __forceinline__ void LoadElements(const Bf16* from,
                                             float (&x)[kCount]) {
  if constexpr (kCount == 1) {
    x[0] = ToFloat(*from);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; i += 8) {
      const Words4 words = Load16(from + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        x[i + 2 * j] = BitsFloat(words.word[j] << 16);
        x[i + 2 * j + 1] = BitsFloat(words.word[j] & 0xffff0000u);
      }
    }
  }
}

// to[0, kCount) = x; as LoadElements.
template <int kCount>
__device__ __forceinline__ void StoreElements(const float (&x)[kCount],
                                              float* to) {
  if constexpr (kCount == 1) {
    *to = x[0];
  } else {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
      Words4 words;
#pragma unroll
      for (int j = 0; j < 4; ++j) words.word[j] = FloatBits(x[i + j]);
      Store16(to + i, words);
    }
  }
}
template <int kCount>
__device__ __forceinline__ void StoreElements(const float (&x)[kCount],
                                              Bf16* to) {
  if constexpr (kCount == 1) {
    *to = FromFloat<Bf16>(x[0]);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; i += 8) {
      Words4 words;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        words.word[j] = PackBf16(x[i + 2 * j], x[i + 2 * j + 1]);
      }
      Store16(to + i, words);
    }
  }
}

// Host: calls f with a value of the type behind `type`.
template <typename F>
void DispatchElement(ElementType type, const F& f) {
  if (type == ElementType::kFloat32) {
    f(float{});
  } else {
    f(Bf16{});
  }
}

// A number that is known when kernels are compiled.
template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

// Host: calls f with the elements that a thread can take at a time from rows of
// `row` elements at `pointers`, as Constant<kWide> or Constant<1>.
template <typename F, typename... Pointers>
void DispatchWidth(int64_t row, const F& f, const Pointers*... pointers) {
  const bool aligned =
      ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
  if (aligned && row % kWide == 0) {
    f(Constant<kWide>{});
  } else {
    f(Constant<1>{});
  }
}

// Host: blocks of `threads` for n things, at most `most`: kernels stride.
inline unsigned NumBlocks(int64_t n, int64_t threads, int64_t most = 8192) {
  const int64_t blocks = (n + threads - 1) / threads;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ELEMENTS_CUH_
