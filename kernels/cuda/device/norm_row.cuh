// What RMSNorm and LayerNorm share of their kernels. A block has a row at a
// time, of which each thread takes the same columns, kCount at a time. Launches
// are those of kernels/cuda/rmsnorm_launch.h and layernorm_launch.h.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_NORM_ROW_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_NORM_ROW_CUH_

#include "kernels/cuda/column_sum_launch.h"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/shared_memory.h"

namespace cogdist::cuda {

inline constexpr int kNormThreads = 256;
inline constexpr int kNormScratch = kNormThreads / kWarp;  // floats, for sums
static_assert(NormBackwardSharedBytes(0, 0) == kNormScratch * sizeof(float));

// f(first column) for the columns of this thread.
template <int kCount, typename F>
__device__ __forceinline__ void ForColumns(int64_t hidden, const F& f) {
  for (int64_t i = threadIdx.x * kCount; i < hidden;
       i += kNormThreads * kCount) {
    f(i);
  }
}

// A sum for each column, in shared memory, of the thread that has the column. A
// warp's threads meet different banks.
template <int kCount>
class ColumnSums {
 public:
  // [hidden] of shared memory; zeros.
  __device__ __forceinline__ ColumnSums(float* sums, int64_t hidden)
      : sums_(sums), groups_(static_cast<int>(hidden / kCount)) {
    ForGroups([&](int group) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums_[j * groups_ + group] = 0;
    });
  }

  // Of column i + j; i is one that ForColumns gives.
  __device__ __forceinline__ float& at(int64_t i, int j) const {
    return sums_[j * groups_ + static_cast<int>(i / kCount)];
  }
  // To `to` [hidden], which is aligned as kCount elements are.
  __device__ __forceinline__ void StoreTo(float* to) const {
    ForGroups([&](int group) {
      float sums[kCount];
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums[j] = sums_[j * groups_ + group];
      StoreElements(sums, to + int64_t{group} * kCount);
    });
  }

 private:
  // f(group) for the groups of this thread's columns.
  template <typename F>
  __device__ __forceinline__ void ForGroups(const F& f) const {
#pragma unroll 1  // once a block
    for (int group = threadIdx.x; group < groups_; group += kNormThreads) {
      f(group);
    }
  }

  float* sums_;
  int groups_;  // of kCount columns
};

__device__ __forceinline__ float SumOverBlock(float x, float* scratch) {
  return BlockReduce<kNormThreads>(x, scratch, Add());
}

// Loads s[i..]: x, or x + residual, which is stored as what s is from then on.
template <typename T, typename ForwardLaunch, int kCount>
__device__ __forceinline__ void LoadSum(const ForwardLaunch& args, int64_t i,
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

// The sum of f(s) over the row that begins at element `row`.
template <typename T, int kCount, typename ForwardLaunch, typename F>
__device__ __forceinline__ float SumOfRow(const ForwardLaunch& args,
                                          int64_t row, float* scratch,
                                          const F& f) {
  float sum = 0;
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float s[kCount];
    LoadSum<T>(args, row + i, s);
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum += f(s[j]);
  });
  return SumOverBlock(sum, scratch);
}

// s after SumOfRow(): each thread reads back what it has stored itself.
template <typename T, typename ForwardLaunch>
__device__ __forceinline__ const T* NormalizedRows(const ForwardLaunch& args) {
  return static_cast<const T*>(args.residual == nullptr ? args.x : args.sum);
}

// What a backward pass reads of columns [i, i + kCount).
template <typename T, typename Gain, typename BackwardLaunch, int kCount>
__device__ __forceinline__ void LoadInputs(const BackwardLaunch& args,
                                           int64_t row, int64_t i,
                                           float (&x)[kCount],
                                           float (&dy)[kCount],
                                           float (&gain)[kCount]) {
  const int64_t at = row * args.hidden + i;
  LoadElements(static_cast<const T*>(args.x) + at, x);
  LoadElements(static_cast<const T*>(args.dy) + at, dy);
  LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
}

// dx = f(x, dy gain) + residual gradient.
template <typename T, typename Gain, int kCount, typename BackwardLaunch,
          typename F>
__device__ __forceinline__ void StoreInputGradient(const BackwardLaunch& args,
                                                   int64_t row, const F& f) {
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float x[kCount], dy[kCount], gain[kCount], past[kCount] = {};
    LoadInputs<T, Gain>(args, row, i, x, dy, gain);
    const int64_t at = row * args.hidden + i;
    if (args.residual_gradient != nullptr) {
      LoadElements(static_cast<const T*>(args.residual_gradient) + at, past);
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] = f(x[j], dy[j] * gain[j]) + past[j];
    StoreElements(x, static_cast<T*>(args.dx) + at);
  });
}

// f(row) for the rows of this block's range.
template <typename F>
__device__ __forceinline__ void ForRowsOfRange(int64_t rows, const F& f) {
  const int64_t ranges = gridDim.x, range = blockIdx.x;
  const int64_t end = (range + 1) * rows / ranges;
  for (int64_t row = range * rows / ranges; row < end; ++row) f(row);
}

// Host: a block a row.
inline LaunchShape NormForwardShape(int64_t rows) {
  return {.grid = static_cast<unsigned>(rows),
          .block = kNormThreads,
          .shared_bytes = kNormScratch * sizeof(float)};
}

// Host: a block a range of rows.
inline LaunchShape NormBackwardShape(int64_t rows, int64_t hidden, int params) {
  return {.grid = static_cast<unsigned>(RowRanges(rows, hidden)),
          .block = kNormThreads,
          .shared_bytes =
              static_cast<size_t>(NormBackwardSharedBytes(hidden, params))};
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_NORM_ROW_CUH_
