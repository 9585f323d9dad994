// Sums over rows on a GPU, as gradients of parameters are: ranges of rows have
// partial sums of their own, which are then added in the ranges' order.

#ifndef COGDIST_KERNELS_CUDA_COLUMN_SUM_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_COLUMN_SUM_LAUNCH_H_

#include <algorithm>

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

// Ranges of rows: enough blocks for all multiprocessors, and where rows are
// short enough loads in flight; few enough that adding them is cheap. A
// function of the shape alone, so that results do not depend on the device.
inline int64_t RowRanges(int64_t rows, int64_t columns) {
  constexpr int64_t kLeast = 256, kMost = 1024, kPartials = int64_t{1} << 20;
  const int64_t enough =
      std::clamp(kPartials / std::max<int64_t>(columns, 1), kLeast, kMost);
  return std::min(rows, enough);
}

// The second part: to[j] += the sum over the ranges of partial[range, j].
struct AddPartialsLaunch {
  float* to;             // [columns], accumulated
  const float* partial;  // [ranges, columns], `stride` floats apart
  int64_t ranges, columns, stride;
};
void LaunchAddPartials(GpuStream stream, const AddPartialsLaunch& args);

// What kernels/column_sum.h says.
struct ColumnSumLaunch {
  float* sum;      // [columns], accumulated
  float* partial;  // [RowRanges(rows, columns), columns] of scratch
  const void* x;   // [rows, columns] type
  int64_t rows, columns;
  ElementType type;
};
void LaunchColumnSum(GpuStream stream, const ColumnSumLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_COLUMN_SUM_LAUNCH_H_
