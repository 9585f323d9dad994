#include "kernels/cuda/column_sum_launch.h"

#include "kernels/cuda/device/column_block.cuh"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kAddWarps = 8;

// A warp has neighbouring columns of every kAddWarps-th range.
__global__ void __launch_bounds__(kAddWarps* kWarp)
    AddPartialsKernel(AddPartialsLaunch args) {
  float* const sums = reinterpret_cast<float*>(SharedArena());
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int64_t column = int64_t{blockIdx.x} * kWarp + lane;
  float sum = 0;
  if (column < args.columns) {
#pragma unroll 16  // loads in flight
    for (int64_t range = warp; range < args.ranges; range += kAddWarps) {
      sum += args.partial[range * args.stride + column];
    }
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= args.columns) return;
#pragma unroll
  for (int w = 1; w < kAddWarps; ++w) sum += sums[w * kWarp + lane];
  args.to[column] += sum;
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kColumnThreads)
    ColumnSumKernel(ColumnSumLaunch args) {
  const int64_t column = FirstColumn<kCount>();
  if (column >= args.columns) return;
  const BlockRows rows(args.rows);
  float sums[kCount] = {};
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    float x[kCount];
    LoadElements(static_cast<const T*>(args.x) + row * args.columns + column,
                 x);
#pragma unroll
    for (int j = 0; j < kCount; ++j) sums[j] += x[j];
  }
  StoreElements(sums, args.partial + blockIdx.y * args.columns + column);
}

}  // namespace

void LaunchAddPartials(GpuStream stream, const AddPartialsLaunch& args) {
  if (args.columns == 0) return;
  const int64_t blocks = (args.columns + kWarp - 1) / kWarp;
  Launch(stream,
         {.grid = static_cast<unsigned>(blocks),
          .block = kAddWarps * kWarp,
          .shared_bytes = kAddWarps * kWarp * sizeof(float)},
         &AddPartialsKernel, args);
}

void LaunchColumnSum(GpuStream stream, const ColumnSumLaunch& args) {
  if (args.rows * args.columns == 0) return;
  const int64_t ranges = RowRanges(args.rows, args.columns);
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        args.columns,
        [&]<int kCount>(Constant<kCount>) {
          Launch(stream, ColumnBlocks(args.columns, kCount, ranges),
                 &ColumnSumKernel<T, kCount>, args);
        },
        args.x, args.partial);
  });
  LaunchAddPartials(stream, {.to = args.sum,
                             .partial = args.partial,
                             .ranges = ranges,
                             .columns = args.columns,
                             .stride = args.columns});
}

}  // namespace cogdist::cuda
