// Tiles of bfloat16 rows in shared memory as tensor cores want them.
//
// A row is kDim elements; its 16-byte chunks are permuted by the row's number,
// so that the eight rows of any 8 x 8 matrix lie in different banks. Fragments
// are those of mma.m16n8k16: with group = lane / 4 and pair = 2 (lane % 4), a
// lane holds rows group and group + 8 and columns pair and pair + 1 of a result
// tile of 16 x 8, in d[0..1] and d[2..3].

#ifndef COGDIST_KERNELS_CUDA_DEVICE_MMA_TILE_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_MMA_TILE_CUH_

#include "kernels/cuda/device/device.cuh"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {

template <int kDim>
struct MmaTile {
  static constexpr int kRowBytes = kDim * 2;
  static constexpr int kChunks = kRowBytes / 16;

  // Shared address of a chunk relative to the tile's begin.
  static __device__ __forceinline__ uint32_t At(int row, int chunk) {
    return row * kRowBytes + ((chunk ^ (row & 7)) << 4);
  }

  // Copies rows [0, kRows) of `from`, `stride` elements apart, with kThreads
  // threads; those from `valid` on become zeros. A thread has one chunk of
  // every kStep-th row, whose places differ by constants.
  template <int kRows, int kThreads>
  static __device__ __forceinline__ void CopyRows(uint32_t to, const Bf16* from,
                                                  int64_t stride,
                                                  int64_t valid) {
    constexpr int kStep = kThreads / kChunks;
    static_assert(kThreads % kChunks == 0 && kRows % kStep == 0);
    static_assert(kStep % 8 == 0, "chunks are permuted alike");
    const int row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
    const int rows = valid < kRows ? static_cast<int>(valid) : kRows;
    to += At(row, chunk);
    from += row * stride + chunk * 8;
#pragma unroll
    for (int i = 0; i < kRows; i += kStep) {
      CopyAsync16(to + i * kRowBytes, from, row + i < rows);
      from += kStep * stride;
    }
  }

  // The left operand: rows [row0, row0 + 16), columns [16 step, 16 step + 16).
  static __device__ __forceinline__ void LoadLeft(uint32_t (&a)[4],
                                                  uint32_t tile, int row0,
                                                  int step) {
    const int lane = threadIdx.x % kWarp;
    LoadMatrix4(a, tile + At(row0 + lane % 16, 2 * step + lane / 16));
  }

  // The right operand of x y^T, of 16 rows of y from row0 on as its columns:
  // b[0..1] for the first eight, b[2..3] for the others.
  static __device__ __forceinline__ void LoadRows(uint32_t (&b)[4],
                                                  uint32_t tile, int row0,
                                                  int step) {
    const int lane = threadIdx.x % kWarp;
    LoadMatrix4(
        b, tile + At(row0 + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
  }

  // The right operand of x y: rows [16 step, 16 step + 16) of y and its columns
  // [8 column_tile, 8 column_tile + 16).
  static __device__ __forceinline__ void LoadColumns(uint32_t (&b)[4],
                                                     uint32_t tile,
                                                     int column_tile,
                                                     int step) {
    const int lane = threadIdx.x % kWarp;
    LoadMatrix4Transposed(
        b, tile + At(16 * step + lane % 16, column_tile + lane / 16));
  }
};

// The sum or maximum over the four lanes that share a row of a result tile.
template <typename Op>
__device__ __forceinline__ float QuadReduce(float x, const Op& op) {
  x = op(x, __shfl_xor_sync(kAllLanes, x, 1));
  return op(x, __shfl_xor_sync(kAllLanes, x, 2));
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_MMA_TILE_CUH_
