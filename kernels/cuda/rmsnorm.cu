// A block a row; backward, a block a range of rows.

#include "kernels/cuda/rmsnorm_launch.h"

#include "kernels/cuda/column_sum_launch.h"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/device/residual.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kScratch = kThreads / kWarp;  // floats of BlockReduce

template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kThreads)
    RmsNormForwardKernel(RmsNormForwardLaunch args) {
  const int64_t row = int64_t{blockIdx.x} * args.hidden;
  float squares = 0;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float s[kCount];
    LoadSum<T>(args, row + i, s);
#pragma unroll
    for (int j = 0; j < kCount; ++j) squares += s[j] * s[j];
  }
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  squares = BlockReduce<kThreads>(squares, scratch, Add());
  const float rstd = 1 / sqrtf(squares / args.hidden + args.eps);
  if (threadIdx.x == 0) args.rstd[blockIdx.x] = rstd;
  // Each thread reads back what it has stored itself.
  const T* const s =
      static_cast<const T*>(args.residual == nullptr ? args.x : args.sum);
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float y[kCount], gain[kCount];
    LoadElements(s + row + i, y);
    LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) y[j] = y[j] * rstd * gain[j];
    StoreElements(y, static_cast<T*>(args.y) + row + i);
  }
}

// With n = x rstd and g = dy gain: adds dy n to `dgain` and gives sum g n.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ float AddGainGradient(
    const RmsNormBackwardLaunch& args, int64_t row, float* dgain) {
  const float rstd = args.rstd[row];
  float sum = 0;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float x[kCount], dy[kCount], gain[kCount];
    LoadElements(static_cast<const T*>(args.x) + row * args.hidden + i, x);
    LoadElements(static_cast<const T*>(args.dy) + row * args.hidden + i, dy);
    LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float dy_n = dy[j] * x[j] * rstd;
      dgain[i + j] += dy_n;
      sum += dy_n * gain[j];
    }
  }
  return sum;
}

// dx = rstd (g - n mean) + residual gradient.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ void StoreInputGradient(
    const RmsNormBackwardLaunch& args, int64_t row, float mean) {
  const float rstd = args.rstd[row];
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    const int64_t at = row * args.hidden + i;
    float x[kCount], dy[kCount], gain[kCount], past[kCount] = {};
    LoadElements(static_cast<const T*>(args.x) + at, x);
    LoadElements(static_cast<const T*>(args.dy) + at, dy);
    LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
    if (args.residual_gradient != nullptr) {
      LoadElements(static_cast<const T*>(args.residual_gradient) + at, past);
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      x[j] = (dy[j] * gain[j] - x[j] * rstd * mean) * rstd + past[j];
    }
    StoreElements(x, static_cast<T*>(args.dx) + at);
  }
}

// The gain's gradient is gathered in shared memory, each element by one thread.
template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kThreads)
    RmsNormBackwardKernel(RmsNormBackwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  float* const dgain = scratch + kScratch;  // [hidden]
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) dgain[i + j] = 0;
  }
  const int64_t ranges = gridDim.x, range = blockIdx.x;
  const int64_t end = (range + 1) * args.rows / ranges;
  for (int64_t row = range * args.rows / ranges; row < end; ++row) {
    const float sum = BlockReduce<kThreads>(
        AddGainGradient<T, Gain, kCount>(args, row, dgain), scratch, Add());
    StoreInputGradient<T, Gain, kCount>(args, row, sum / args.hidden);
  }
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      args.partial[range * args.hidden + i + j] = dgain[i + j];
    }
  }
}

}  // namespace

void LaunchRmsNormForward(GpuStream stream, const RmsNormForwardLaunch& args) {
  if (args.rows == 0) return;
  const LaunchShape shape = {.grid = static_cast<unsigned>(args.rows),
                             .block = kThreads,
                             .shared_bytes = kScratch * sizeof(float)};
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchElement(args.gain_type, [&]<typename Gain>(Gain) {
      DispatchWidth(
          args.hidden,
          [&]<int kCount>(Constant<kCount>) {
            Launch(stream, shape, &RmsNormForwardKernel<T, Gain, kCount>, args);
          },
          args.y, args.sum, args.x, args.residual, args.gain);
    });
  });
}

void LaunchRmsNormBackward(GpuStream stream,
                           const RmsNormBackwardLaunch& args) {
  if (args.rows == 0) return;
  const int64_t ranges = RowRanges(args.rows);
  const LaunchShape shape = {
      .grid = static_cast<unsigned>(ranges),
      .block = kThreads,
      .shared_bytes = (kScratch + args.hidden) * sizeof(float)};
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchElement(args.gain_type, [&]<typename Gain>(Gain) {
      DispatchWidth(
          args.hidden,
          [&]<int kCount>(Constant<kCount>) {
            Launch(stream, shape, &RmsNormBackwardKernel<T, Gain, kCount>,
                   args);
          },
          args.dx, args.dy, args.x, args.residual_gradient, args.gain);
    });
  });
  LaunchAddPartials(stream, {.to = args.dgain,
                             .partial = args.partial,
                             .ranges = ranges,
                             .columns = args.hidden,
                             .stride = args.hidden});
}

}  // namespace cogdist::cuda
