// A block a row; backward, a block a range of rows.

#include "kernels/cuda/layernorm_launch.h"

#include "kernels/cuda/device/dispatch_rows.cuh"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/norm_row.cuh"

namespace cogdist::cuda {
namespace {

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
  ForColumns<kCount>(hidden, [&](int64_t i) {
    float x[kCount];
    LoadElements(s + i, x);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float d = x[j] - near;
      rest += d;
      squares += d * d;
    }
  });
  rest = SumOverBlock(rest, scratch) / hidden;
  squares = SumOverBlock(squares, scratch) / hidden;
  return {near + rest, 1 / sqrtf(squares - rest * rest + eps)};
}

template <typename T, typename Param, int kCount>
__global__ void __launch_bounds__(kNormThreads)
    LayerNormForwardKernel(LayerNormForwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  const int64_t row = int64_t{blockIdx.x} * args.hidden;
  const float near =
      SumOfRow<T, kCount>(args, row, scratch, [](float s) { return s; }) /
      args.hidden;
  const T* const s = NormalizedRows<T>(args) + row;
  const Statistics statistics =
      StatisticsOf<T, kCount>(s, args.hidden, near, args.eps, scratch);
  const float mean = statistics.mean, rstd = statistics.rstd;
  if (threadIdx.x == 0) {
    args.mean[blockIdx.x] = mean;
    args.rstd[blockIdx.x] = rstd;
  }
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float y[kCount], gain[kCount], bias[kCount];
    LoadElements(s + i, y);
    LoadElements(static_cast<const Param*>(args.gain) + i, gain);
    LoadElements(static_cast<const Param*>(args.bias) + i, bias);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      y[j] = fmaf((y[j] - mean) * rstd, gain[j], bias[j]);
    }
    StoreElements(y, static_cast<T*>(args.y) + row + i);
  });
}

// Sums over a row.
struct RowSums {
  float g = 0, g_n = 0;
};

// With n = (x - mean) rstd and g = dy gain: adds dy n to dgain and dy to dbias,
// and gives this thread's part of the sums of g and g n.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ RowSums AddParamGradients(
    const LayerNormBackwardLaunch& args, int64_t row,
    const ColumnSums<kCount>& dgain, const ColumnSums<kCount>& dbias) {
  const float mean = args.mean[row], rstd = args.rstd[row];
  RowSums sums;
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float x[kCount], dy[kCount], gain[kCount];
    LoadInputs<T, Gain>(args, row, i, x, dy, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float n = (x[j] - mean) * rstd;
      dgain.at(i, j) += dy[j] * n;
      dbias.at(i, j) += dy[j];
      sums.g += dy[j] * gain[j];
      sums.g_n += dy[j] * gain[j] * n;
    }
  });
  return sums;
}

// dx = rstd (g - mean(g) - n mean(g n)) + residual gradient.
template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kNormThreads)
    LayerNormBackwardKernel(LayerNormBackwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  float* const sums = scratch + kNormScratch;
  const ColumnSums<kCount> dgain(sums, args.hidden);
  const ColumnSums<kCount> dbias(sums + args.hidden, args.hidden);
  const float scale = 1 / static_cast<float>(args.hidden);
  ForRowsOfRange(args.rows, [&](int64_t row) {
    RowSums means = AddParamGradients<T, Gain, kCount>(args, row, dgain, dbias);
    means.g = SumOverBlock(means.g, scratch) * scale;
    means.g_n = SumOverBlock(means.g_n, scratch) * scale;
    const float mean = args.mean[row], rstd = args.rstd[row];
    StoreInputGradient<T, Gain, kCount>(args, row, [&](float x, float g) {
      return (g - means.g - (x - mean) * rstd * means.g_n) * rstd;
    });
  });
  float* const to = args.partial + int64_t{blockIdx.x} * 2 * args.hidden;
  dgain.StoreTo(to);
  dbias.StoreTo(to + args.hidden);
}

}  // namespace

void LaunchLayerNormForward(GpuStream stream,
                            const LayerNormForwardLaunch& args) {
  if (args.rows == 0) return;
  DispatchRows(
      args.type, args.gain_type, args.hidden,
      [&]<typename T, typename Param, int kCount>(T, Param, Constant<kCount>) {
        Launch(stream, NormForwardShape(args.rows),
               &LayerNormForwardKernel<T, Param, kCount>, args);
      },
      args.y, args.sum, args.x, args.residual, args.gain, args.bias);
}

void LaunchLayerNormBackward(GpuStream stream,
                             const LayerNormBackwardLaunch& args) {
  if (args.rows == 0) return;
  DispatchRows(
      args.type, args.gain_type, args.hidden,
      [&]<typename T, typename Gain, int kCount>(T, Gain, Constant<kCount>) {
        Launch(stream, NormBackwardShape(args.rows, args.hidden, 2),
               &LayerNormBackwardKernel<T, Gain, kCount>, args);
      },
      args.dx, args.dy, args.x, args.residual_gradient, args.gain,
      args.partial);
  AddPartialsLaunch add = {.to = args.dgain,
                           .partial = args.partial,
                           .ranges = RowRanges(args.rows, args.hidden),
                           .columns = args.hidden,
                           .stride = 2 * args.hidden};
  LaunchAddPartials(stream, add);
  add.to = args.dbias;
  add.partial += args.hidden;
  LaunchAddPartials(stream, add);
}

}  // namespace cogdist::cuda
