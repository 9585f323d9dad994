// A block a row; backward, a block a range of rows.

#include "kernels/cuda/layernorm_launch.h"

#include "kernels/cuda/column_sum_launch.h"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/device/residual.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kScratch = kThreads / kWarp;  // floats of BlockReduce

struct Statistics {
  float mean, rstd;
};

// Of a row s, by two passes (see cpu/layernorm.cc): `near` is the mean but for
// rounding, which the second pass finds with the variance.
template <typename T, int kCount>
__device__ __forceinline__ Statistics StatisticsOf(const T* s, int64_t hidden,
                                                   float near, float eps,
                                                   float* scratch) {
  float rest = 0, squares = 0;
  for (int64_t i = threadIdx.x * kCount; i < hidden; i += kThreads * kCount) {
    float x[kCount];
    LoadElements(s + i, x);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float d = x[j] - near;
      rest += d;
      squares += d * d;
    }
  }
  rest = BlockReduce<kThreads>(rest, scratch, Add()) / hidden;
  squares = BlockReduce<kThreads>(squares, scratch, Add()) / hidden;
  return {near + rest, 1 / sqrtf(squares - rest * rest + eps)};
}

template <typename T, typename Param, int kCount>
__global__ void __launch_bounds__(kThreads)
    LayerNormForwardKernel(LayerNormForwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  const int64_t row = int64_t{blockIdx.x} * args.hidden;
  float sum = 0;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float s[kCount];
    LoadSum<T>(args, row + i, s);
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum += s[j];
  }
  const float near = BlockReduce<kThreads>(sum, scratch, Add()) / args.hidden;
  // Each thread reads back what it has stored itself.
  const T* const s =
      static_cast<const T*>(args.residual == nullptr ? args.x : args.sum) + row;
  const auto [mean, rstd] =
      StatisticsOf<T, kCount>(s, args.hidden, near, args.eps, scratch);
  if (threadIdx.x == 0) {
    args.mean[blockIdx.x] = mean;
    args.rstd[blockIdx.x] = rstd;
  }
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float y[kCount], gain[kCount], bias[kCount];
    LoadElements(s + i, y);
    LoadElements(static_cast<const Param*>(args.gain) + i, gain);
    LoadElements(static_cast<const Param*>(args.bias) + i, bias);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      y[j] = fmaf((y[j] - mean) * rstd, gain[j], bias[j]);
    }
    StoreElements(y, static_cast<T*>(args.y) + row + i);
  }
}

// Sums over a row.
struct RowSums {
  float g = 0, g_n = 0;
};

// With n = (x - mean) rstd and g = dy gain: adds dy n to dgain and dy to dbias,
// and gives this thread's part of the sums of g and g n.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ RowSums
AddParamGradients(const LayerNormBackwardLaunch& args, int64_t row,
                  float* dgain, float* dbias) {
  const float mean = args.mean[row], rstd = args.rstd[row];
  RowSums sums;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float x[kCount], dy[kCount], gain[kCount];
    LoadElements(static_cast<const T*>(args.x) + row * args.hidden + i, x);
    LoadElements(static_cast<const T*>(args.dy) + row * args.hidden + i, dy);
    LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float n = (x[j] - mean) * rstd;
      dgain[i + j] += dy[j] * n;
      dbias[i + j] += dy[j];
      sums.g += dy[j] * gain[j];
      sums.g_n += dy[j] * gain[j] * n;
    }
  }
  return sums;
}

// dx = rstd (g - mean(g) - n mean(g n)) + residual gradient.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ void StoreInputGradient(
    const LayerNormBackwardLaunch& args, int64_t row, RowSums means) {
  const float mean = args.mean[row], rstd = args.rstd[row];
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
      const float n = (x[j] - mean) * rstd;
      x[j] = (dy[j] * gain[j] - means.g - n * means.g_n) * rstd + past[j];
    }
    StoreElements(x, static_cast<T*>(args.dx) + at);
  }
}

// The parameters' gradients are gathered in shared memory, each element by one
// thread.
template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kThreads)
    LayerNormBackwardKernel(LayerNormBackwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  float* const dgain = scratch + kScratch;  // [hidden]
  float* const dbias = dgain + args.hidden;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) dgain[i + j] = dbias[i + j] = 0;
  }
  const int64_t ranges = gridDim.x, range = blockIdx.x;
  const int64_t end = (range + 1) * args.rows / ranges;
  const float scale = 1 / static_cast<float>(args.hidden);
  for (int64_t row = range * args.rows / ranges; row < end; ++row) {
    RowSums sums = AddParamGradients<T, Gain, kCount>(args, row, dgain, dbias);
    sums.g = BlockReduce<kThreads>(sums.g, scratch, Add()) * scale;
    sums.g_n = BlockReduce<kThreads>(sums.g_n, scratch, Add()) * scale;
    StoreInputGradient<T, Gain, kCount>(args, row, sums);
  }
  float* const to = args.partial + range * 2 * args.hidden;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      to[i + j] = dgain[i + j];
      to[args.hidden + i + j] = dbias[i + j];
    }
  }
}

}  // namespace

void LaunchLayerNormForward(GpuStream stream,
                            const LayerNormForwardLaunch& args) {
  if (args.rows == 0) return;
  const LaunchShape shape = {.grid = static_cast<unsigned>(args.rows),
                             .block = kThreads,
                             .shared_bytes = kScratch * sizeof(float)};
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchElement(args.gain_type, [&]<typename Param>(Param) {
      DispatchWidth(
          args.hidden,
          [&]<int kCount>(Constant<kCount>) {
            Launch(stream, shape, &LayerNormForwardKernel<T, Param, kCount>,
                   args);
          },
          args.y, args.sum, args.x, args.residual, args.gain, args.bias);
    });
  });
}

void LaunchLayerNormBackward(GpuStream stream,
                             const LayerNormBackwardLaunch& args) {
  if (args.rows == 0) return;
  const int64_t ranges = RowRanges(args.rows);
  const LaunchShape shape = {
      .grid = static_cast<unsigned>(ranges),
      .block = kThreads,
      .shared_bytes = (kScratch + 2 * args.hidden) * sizeof(float)};
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchElement(args.gain_type, [&]<typename Gain>(Gain) {
      DispatchWidth(
          args.hidden,
          [&]<int kCount>(Constant<kCount>) {
            Launch(stream, shape, &LayerNormBackwardKernel<T, Gain, kCount>,
                   args);
          },
          args.dx, args.dy, args.x, args.residual_gradient, args.gain);
    });
  });
  AddPartialsLaunch add = {.to = args.dgain,
                           .partial = args.partial,
                           .ranges = ranges,
                           .columns = args.hidden,
                           .stride = 2 * args.hidden};
  LaunchAddPartials(stream, add);
  add.to = args.dbias;
  add.partial += args.hidden;
  LaunchAddPartials(stream, add);
}

}  // namespace cogdist::cuda
