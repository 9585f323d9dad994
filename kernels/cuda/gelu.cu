// A thread has kCount columns of a range of rows: their bias, and the sums of
// its gradient, stay in registers.

#include "kernels/cuda/column_sum_launch.h"
#include "kernels/cuda/device/column_block.cuh"
#include "kernels/cuda/device/dispatch_rows.cuh"
#include "kernels/cuda/device/elements.cuh"
#include "kernels/cuda/gelu_launch.h"
#include "kernels/normal_tail.h"

namespace cogdist::cuda {
namespace {

// The normal distribution at x.
struct Normal {
  float below;    // Phi(x)
  float density;  // exp(-x^2 / 2) / sqrt(2 pi)
};

// To 4 + x^2 ulp in the lower tail, where 1 + erf() would have no digits left:
// the exponent's own rounding. erfcf(), to 4 ulp, is twice as many instructions
// and slower than memory is.
__device__ __forceinline__ Normal NormalAt(float x) {
  constexpr float kHalfLog2E = 0.721347520f;
  constexpr float kInverseSqrt2Pi = 0.398942280f;
  constexpr NormalTail kTail;
  // Farther out, Phi is 0 or 1 in float32, and squares might overflow.
  const float a = fminf(fabsf(x), 16);
  const float u = Reciprocal(fmaf(kTail.kScale, a, 1));
  float p = kTail.p[kTail.kDegree];
#pragma unroll
  for (int i = kTail.kDegree - 1; i >= 0; --i) p = fmaf(p, u, kTail.p[i]);
  const float bell = Exp2(-kHalfLog2E * (a * a));
  const float tail = p * u * bell;
  return {.below = x < 0 ? tail : 1 - tail, .density = kInverseSqrt2Pi * bell};
}

template <typename Bias, int kCount>
__device__ __forceinline__ void LoadBias(const void* from, int64_t column,
                                         float (&bias)[kCount]) {
  if (from != nullptr) {
    LoadElements(static_cast<const Bias*>(from) + column, bias);
    return;
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) bias[j] = 0;
}

template <typename T, typename Bias, int kCount>
__global__ void __launch_bounds__(kColumnThreads)
    GeluForwardKernel(GeluForwardLaunch args) {
  const int64_t column = FirstColumn<kCount>();
  if (column >= args.ffn) return;
  const BlockRows rows(args.rows);
  float bias[kCount];
  LoadBias<Bias>(args.bias, column, bias);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int64_t at = row * args.ffn + column;
    float x[kCount];
    LoadElements(static_cast<const T*>(args.x) + at, x);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float z = x[j] + bias[j];
      x[j] = z * NormalAt(z).below;
    }
    StoreElements(x, static_cast<T*>(args.y) + at);
  }
}

template <typename T, typename Bias, int kCount>
__global__ void __launch_bounds__(kColumnThreads)
    GeluBackwardKernel(GeluBackwardLaunch args) {
  const int64_t column = FirstColumn<kCount>();
  if (column >= args.ffn) return;
  const BlockRows rows(args.rows);
  float bias[kCount], sums[kCount] = {};
  LoadBias<Bias>(args.bias, column, bias);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int64_t at = row * args.ffn + column;
    float x[kCount], dx[kCount];
    LoadElements(static_cast<const T*>(args.x) + at, x);
    LoadElements(static_cast<const T*>(args.dy) + at, dx);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float z = x[j] + bias[j];
      const Normal normal = NormalAt(z);
      dx[j] *= fmaf(z, normal.density, normal.below);
      sums[j] += dx[j];
    }
    StoreElements(dx, static_cast<T*>(args.dx) + at);
  }
  if (args.dbias == nullptr) return;
  StoreElements(sums, args.partial + blockIdx.y * args.ffn + column);
}

}  // namespace

void LaunchGeluForward(GpuStream stream, const GeluForwardLaunch& args) {
  if (args.rows * args.ffn == 0) return;
  const int64_t ranges = RowRanges(args.rows, args.ffn);
  DispatchRows(
      args.type, args.bias_type, args.ffn,
      [&]<typename T, typename Bias, int kCount>(T, Bias, Constant<kCount>) {
        Launch(stream, ColumnBlocks(args.ffn, kCount, ranges),
               &GeluForwardKernel<T, Bias, kCount>, args);
      },
      args.y, args.x, args.bias);
}

void LaunchGeluBackward(GpuStream stream, const GeluBackwardLaunch& args) {
  if (args.rows * args.ffn == 0) return;
  const int64_t ranges = RowRanges(args.rows, args.ffn);
  DispatchRows(
      args.type, args.bias_type, args.ffn,
      [&]<typename T, typename Bias, int kCount>(T, Bias, Constant<kCount>) {
        Launch(stream, ColumnBlocks(args.ffn, kCount, ranges),
               &GeluBackwardKernel<T, Bias, kCount>, args);
      },
      args.dx, args.partial, args.dy, args.x, args.bias);
  if (args.dbias == nullptr) return;
  LaunchAddPartials(stream, {.to = args.dbias,
                             .partial = args.partial,
                             .ranges = ranges,
                             .columns = args.ffn,
                             .stride = args.ffn});
}

}  // namespace cogdist::cuda
