// A block a row of logits.

#include "kernels/cuda/cross_entropy_launch.h"

#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocks = 8;  // of a multiprocessor: all the threads it may have
constexpr size_t kScratchBytes = kThreads / kWarp * sizeof(float);
constexpr float kLog2E = 1.4426950408889634f;

__device__ __forceinline__ float* Scratch() {
  return reinterpret_cast<float*>(SharedArena());
}

// The row of this block.
struct Row {
  __device__ __forceinline__ explicit Row(const CrossEntropyLaunch& args)
      : logits(args.logits + int64_t{blockIdx.x} * args.columns),
        columns(args.columns),
        masked(args.targets[blockIdx.x] < 0),
        target(args.targets[blockIdx.x] - args.first_id) {}
  __device__ __forceinline__ bool HoldsTarget() const {
    return !masked && target >= 0 && target < columns;
  }

  const float* logits;  // [columns]
  int64_t columns;
  bool masked;
  int64_t target;  // a column; outside of them if another rank holds it
};

// f(first column, logits) for the columns of this thread, kCount at a time.
template <int kCount, typename F>
__device__ __forceinline__ void ForColumns(const float* logits, int64_t columns,
                                           const F& f) {
  for (int64_t i = threadIdx.x * kCount; i < columns; i += kThreads * kCount) {
    float x[kCount];
    LoadElements(logits + i, x);
    f(i, x);
  }
}

template <int kCount>
__device__ __forceinline__ float Maximum(const float* logits, int64_t columns) {
  float max = -INFINITY;
  ForColumns<kCount>(logits, columns, [&](int64_t, const float(&x)[kCount]) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) max = fmaxf(max, x[j]);
  });
  return BlockReduce<kThreads>(max, Scratch(), Max());
}

template <int kCount>
__device__ __forceinline__ float SumOfExponentials(const Row& row, float max) {
  float sum = 0;
  ForColumns<kCount>(row.logits, row.columns,
                     [&](int64_t, const float(&x)[kCount]) {
#pragma unroll
                       for (int j = 0; j < kCount; ++j)
                         sum += Exp2((x[j] - max) * kLog2E);
                     });
  return BlockReduce<kThreads>(sum, Scratch(), Add());
}

// dlogits = scale (softmax - onehot(target)); 0 for a masked row. May overwrite
// the logits, each by the thread that has read it.
template <typename T, int kCount>
__device__ __forceinline__ void StoreGradient(const CrossEntropyLaunch& args,
                                              const Row& row, float max,
                                              float sum) {
  if (args.dlogits == nullptr) return;
  T* const to =
      static_cast<T*>(args.dlogits) + int64_t{blockIdx.x} * args.columns;
  const float inverse = 1 / sum;
  ForColumns<kCount>(
      row.logits, row.columns, [&](int64_t i, float(&x)[kCount]) {
#pragma unroll
        for (int j = 0; j < kCount; ++j) {
          const float softmax = Exp2((x[j] - max) * kLog2E) * inverse;
          const float hit = row.target == i + j ? 1 : 0;
          x[j] = row.masked ? 0 : args.gradient_scale * (softmax - hit);
        }
        StoreElements(x, to + i);
      });
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads, kBlocks)
    CrossEntropyKernel(CrossEntropyLaunch args) {
  const Row row(args);
  const float max = Maximum<kCount>(row.logits, row.columns);
  const float sum = SumOfExponentials<kCount>(row, max);
  if (threadIdx.x == 0) {
    args.loss[blockIdx.x] =
        row.masked ? 0 : logf(sum) - (row.logits[row.target] - max);
  }
  __syncthreads();  // the target is read before it may be overwritten
  StoreGradient<T, kCount>(args, row, max, sum);
}

template <int kCount>
__global__ void __launch_bounds__(kThreads)
    CrossEntropyMaxKernel(CrossEntropyLaunch args) {
  const float max = Maximum<kCount>(
      args.logits + int64_t{blockIdx.x} * args.columns, args.columns);
  if (threadIdx.x == 0) args.max[blockIdx.x] = max;
}

template <int kCount>
__global__ void __launch_bounds__(kThreads)
    CrossEntropyStatsKernel(CrossEntropyLaunch args) {
  const Row row(args);
  const float max = args.max[blockIdx.x];
  const float sum = SumOfExponentials<kCount>(row, max);
  if (threadIdx.x != 0) return;
  args.sums[blockIdx.x] = row.masked ? 0 : sum;
  args.sums[args.rows + blockIdx.x] =
      row.HoldsTarget() ? row.logits[row.target] - max : 0;
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    CrossEntropyFinishKernel(CrossEntropyLaunch args) {
  const Row row(args);
  const float sum = args.sums[blockIdx.x];
  if (threadIdx.x == 0) {
    args.loss[blockIdx.x] =
        row.masked ? 0 : logf(sum) - args.sums[args.rows + blockIdx.x];
  }
  StoreGradient<T, kCount>(args, row, args.max[blockIdx.x], sum);
}

LaunchShape ShapeOf(const CrossEntropyLaunch& args) {
  return {.grid = static_cast<unsigned>(args.rows),
          .block = kThreads,
          .shared_bytes = kScratchBytes};
}

// Calls f with the type of the gradient and the width of accesses.
template <typename F>
void Dispatch(const CrossEntropyLaunch& args, const F& f) {
  if (args.rows == 0) return;
  DispatchElement(args.type, [&]<typename T>(T type) {
    DispatchWidth(
        args.columns, [&](auto count) { f(type, count); }, args.dlogits,
        args.logits);
  });
}

}  // namespace

void LaunchCrossEntropy(GpuStream stream, const CrossEntropyLaunch& args) {
  Dispatch(args, [&]<typename T, int kCount>(T, Constant<kCount>) {
    Launch(stream, ShapeOf(args), &CrossEntropyKernel<T, kCount>, args);
  });
}

void LaunchCrossEntropyMax(GpuStream stream, const CrossEntropyLaunch& args) {
  Dispatch(args, [&]<typename T, int kCount>(T, Constant<kCount>) {
    Launch(stream, ShapeOf(args), &CrossEntropyMaxKernel<kCount>, args);
  });
}

void LaunchCrossEntropyStats(GpuStream stream, const CrossEntropyLaunch& args) {
  Dispatch(args, [&]<typename T, int kCount>(T, Constant<kCount>) {
    Launch(stream, ShapeOf(args), &CrossEntropyStatsKernel<kCount>, args);
  });
}

void LaunchCrossEntropyFinish(GpuStream stream,
                              const CrossEntropyLaunch& args) {
  Dispatch(args, [&]<typename T, int kCount>(T, Constant<kCount>) {
    Launch(stream, ShapeOf(args), &CrossEntropyFinishKernel<T, kCount>, args);
  });
}

}  // namespace cogdist::cuda
