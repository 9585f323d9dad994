// What the float32 attention kernels share: tiles of 32 rows of one head in
// shared memory, four warps, each with 8 rows of a 32 x 32 tile of scores, a
// lane a column.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_TILE_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_TILE_CUH_

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {

inline constexpr int kTile = 32;  // queries and keys
inline constexpr int kTileThreads = 128;
inline constexpr int kWarpRows = kTile / (kTileThreads / kWarp);
inline constexpr float kLog2E = 1.4426950408889634f;
inline constexpr float kLn2 = 0.6931471805599453f;

// Heads of up to 32 kChunks elements, zeros behind the last.
template <int kChunks>
struct TileShape {
  static constexpr int kDim = kChunks * kWarp;
  static constexpr int kStride = kDim + 1;  // rows start in different banks
  static constexpr int kFloats = kTile * kStride;
};

// The elements of a row of a head.
template <typename T>
__device__ __forceinline__ T* RowOf(const HeadsView& view, int64_t b,
                                    int64_t row, int64_t head) {
  return static_cast<T*>(view.data) + b * view.batch_stride +
         row * view.row_stride + head * view.head_stride;
}

__device__ __forceinline__ void StoreAs(const HeadsView& view, int64_t b,
                                        int64_t row, int64_t head, int64_t d,
                                        float x) {
  if (view.type == ElementType::kFloat32) {
    RowOf<float>(view, b, row, head)[d] = x;
  } else {
    RowOf<Bf16>(view, b, row, head)[d] = FromFloat<Bf16>(x);
  }
}

// Rows [first, first + kTile) of a head to shared memory, zeros beyond
// `length`.
template <typename T, int kChunks>
__device__ __forceinline__ void LoadTile(const HeadsView& view, int64_t b,
                                         int64_t head, int64_t first,
                                         int64_t length, int64_t head_dim,
                                         float* to) {
  using Shape = TileShape<kChunks>;
  for (int i = threadIdx.x; i < kTile * Shape::kDim; i += kTileThreads) {
    const int row = i / Shape::kDim, d = i % Shape::kDim;
    const bool inside = first + row < length && d < head_dim;
    to[row * Shape::kStride + d] =
        inside ? ToFloat(RowOf<T>(view, b, first + row, head)[d]) : 0;
  }
}

// products[r] = row (row0 + r) of x . row `lane` of y.
template <int kChunks>
__device__ __forceinline__ void Products(const float* x, const float* y,
                                         int row0,
                                         float (&products)[kWarpRows]) {
  using Shape = TileShape<kChunks>;
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) products[r] = 0;
  for (int d = 0; d < Shape::kDim; ++d) {
    const float other = y[lane * Shape::kStride + d];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      products[r] =
          fmaf(x[(row0 + r) * Shape::kStride + d], other, products[r]);
    }
  }
}

// sums[r][c] += sum over j of weights[r][j] y[j][lane + 32 c]; `weights` of
// this warp lie in shared memory.
template <int kChunks>
__device__ __forceinline__ void AddWeighted(const float* weights,
                                            const float* y,
                                            float (&sums)[kWarpRows][kChunks]) {
  using Shape = TileShape<kChunks>;
  const int lane = threadIdx.x % kWarp;
  for (int j = 0; j < kTile; ++j) {
    float other[kChunks];
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      other[c] = y[j * Shape::kStride + lane + c * kWarp];
    }
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      const float weight = weights[r * kTile + j];
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        sums[r][c] = fmaf(weight, other[c], sums[r][c]);
      }
    }
  }
}

// sign(p) w for Cog attention, where sign(0) = 0; w for softmax.
__device__ __forceinline__ float Signed(bool cog, float p, float w) {
  if (!cog) return w;
  return p > 0 ? w : p < 0 ? -w : 0;
}

// Host: calls f with the least Constant<chunks> that head_dim fits into.
template <typename F>
void DispatchChunks(int64_t head_dim, const F& f) {
  if (head_dim <= 32) {
    f(Constant<1>{});
  } else if (head_dim <= 64) {
    f(Constant<2>{});
  } else if (head_dim <= 128) {
    f(Constant<4>{});
  } else {
    f(Constant<8>{});
  }
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_TILE_CUH_
