// A block a row; backward, a block a range of rows.

#include "kernels/cuda/rmsnorm_launch.h"

#include "kernels/cuda/device/dispatch_rows.cuh"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/device/norm_row.cuh"

namespace cogdist::cuda {
namespace {

template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kNormThreads)
    RmsNormForwardKernel(RmsNormForwardLaunch args) {
  const int64_t row = int64_t{blockIdx.x} * args.hidden;
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  const float squares =
      SumOfRow<T, kCount>(args, row, scratch, [](float s) { return s * s; });
  const float rstd = 1 / sqrtf(squares / args.hidden + args.eps);
  if (threadIdx.x == 0) args.rstd[blockIdx.x] = rstd;
  const T* const s = NormalizedRows<T>(args) + row;
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float y[kCount], gain[kCount];
    LoadElements(s + i, y);
    LoadElements(static_cast<const Gain*>(args.gain) + i, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) y[j] = y[j] * rstd * gain[j];
    StoreElements(y, static_cast<T*>(args.y) + row + i);
  });
}

// With n = x rstd and g = dy gain: adds dy n to `dgain` and gives this thread's
// part of the sum of g n.
template <typename T, typename Gain, int kCount>
__device__ __forceinline__ float AddGainGradient(
    const RmsNormBackwardLaunch& args, int64_t row,
    const ColumnSums<kCount>& dgain) {
  const float rstd = args.rstd[row];
  float sum = 0;
  ForColumns<kCount>(args.hidden, [&](int64_t i) {
    float x[kCount], dy[kCount], gain[kCount];
    LoadInputs<T, Gain>(args, row, i, x, dy, gain);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float dy_n = dy[j] * x[j] * rstd;
      dgain.at(i, j) += dy_n;
      sum += dy_n * gain[j];
    }
  });
  return sum;
}

// dx = rstd (g - n mean(g n)) + residual gradient.
template <typename T, typename Gain, int kCount>
__global__ void __launch_bounds__(kNormThreads)
    RmsNormBackwardKernel(RmsNormBackwardLaunch args) {
  float* const scratch = reinterpret_cast<float*>(SharedArena());
  const ColumnSums<kCount> dgain(scratch + kNormScratch, args.hidden);
  ForRowsOfRange(args.rows, [&](int64_t row) {
    const float sum = SumOverBlock(
        AddGainGradient<T, Gain, kCount>(args, row, dgain), scratch);
    const float mean = sum / args.hidden, rstd = args.rstd[row];
    StoreInputGradient<T, Gain, kCount>(args, row, [&](float x, float g) {
      return (g - x * rstd * mean) * rstd;
    });
  });
  dgain.StoreTo(args.partial + int64_t{blockIdx.x} * args.hidden);
}

}  // namespace

void LaunchRmsNormForward(GpuStream stream, const RmsNormForwardLaunch& args) {
  if (args.rows == 0) return;
  DispatchRows(
      args.type, args.gain_type, args.hidden,
      [&]<typename T, typename Gain, int kCount>(T, Gain, Constant<kCount>) {
        Launch(stream, NormForwardShape(args.rows),
               &RmsNormForwardKernel<T, Gain, kCount>, args);
      },
      args.y, args.sum, args.x, args.residual, args.gain);
}

void LaunchRmsNormBackward(GpuStream stream,
                           const RmsNormBackwardLaunch& args) {
  if (args.rows == 0) return;
  DispatchRows(
      args.type, args.gain_type, args.hidden,
      [&]<typename T, typename Gain, int kCount>(T, Gain, Constant<kCount>) {
        Launch(stream, NormBackwardShape(args.rows, args.hidden, 1),
               &RmsNormBackwardKernel<T, Gain, kCount>, args);
      },
      args.dx, args.dy, args.x, args.residual_gradient, args.gain,
      args.partial);
  LaunchAddPartials(stream, {.to = args.dgain,
                             .partial = args.partial,
                             .ranges = RowRanges(args.rows, args.hidden),
                             .columns = args.hidden,
                             .stride = args.hidden});
}

}  // namespace cogdist::cuda
