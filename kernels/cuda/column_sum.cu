#include "kernels/cuda/column_sum_launch.h"

#include "kernels/cuda/device/column_block.cuh"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kAddThreads = 128;

__global__ void __launch_bounds__(kAddThreads)
    AddPartialsKernel(AddPartialsLaunch args) {
  const int64_t i = int64_t{blockIdx.x} * kAddThreads + threadIdx.x;
  if (i >= args.columns) return;
  float sum = 0;
#pragma unroll 16  // loads in flight
  for (int64_t range = 0; range < args.ranges; ++range) {
    sum += args.partial[range * args.stride + i];
  }
  args.to[i] += sum;
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
  const int64_t blocks = (args.columns + kAddThreads - 1) / kAddThreads;
  Launch(stream, {.grid = static_cast<unsigned>(blocks), .block = kAddThreads},
         &AddPartialsKernel, args);
}

void LaunchColumnSum(GpuStream stream, const ColumnSumLaunch& args) {
  if (args.rows * args.columns == 0) return;
  const int64_t ranges = RowRanges(args.rows);
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
