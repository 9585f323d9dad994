// Sums on a GPU: what kernels/reduce.h says. Chunks of 4096 elements, each in a
// fixed order in float64.

#ifndef COGDIST_KERNELS_CUDA_REDUCE_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_REDUCE_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct ChunkSumsLaunch {
  double* out;     // [ceil(n / 4096)], overwritten
  const float* x;  // [n]
  int64_t n;
};
// Of the squares of x, or of x itself.
void LaunchChunkSumsOfSquares(GpuStream stream, const ChunkSumsLaunch& args);
void LaunchChunkSums(GpuStream stream, const ChunkSumsLaunch& args);

// out = (or, accumulating, +=) the sum of x, in a tree of a fixed shape.
struct SumDoublesLaunch {
  double* out;      // [1]
  const double* x;  // [n], e.g. of LaunchChunkSums
  int64_t n;
  bool accumulate = false;
};
void LaunchSumDoubles(GpuStream stream, const SumDoublesLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_REDUCE_LAUNCH_H_
