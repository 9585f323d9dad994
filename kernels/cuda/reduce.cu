// A block a chunk; threads' sums meet in a tree in shared memory.

#include "kernels/cuda/reduce_launch.h"

#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kChunk = 4096;
constexpr size_t kSharedBytes = kThreads * sizeof(double);

// The sum over the block, in thread 0; 0 in the others.
__device__ __forceinline__ double SumOverBlock(double x) {
  double* const sums = reinterpret_cast<double*>(SharedArena());
  sums[threadIdx.x] = x;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  return threadIdx.x == 0 ? sums[0] : 0;
}

template <bool kSquares>
__global__ void __launch_bounds__(kThreads)
    ChunkSumsKernel(ChunkSumsLaunch args) {
  const int64_t begin = int64_t{blockIdx.x} * kChunk;
  const int64_t end = begin + kChunk < args.n ? begin + kChunk : args.n;
  double sum = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const double x = args.x[i];
    sum += kSquares ? x * x : x;
  }
  sum = SumOverBlock(sum);
  if (threadIdx.x == 0) args.out[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    SumDoublesKernel(SumDoublesLaunch args) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < args.n; i += kThreads) sum += args.x[i];
  sum = SumOverBlock(sum);
  if (threadIdx.x == 0) *args.out = args.accumulate ? *args.out + sum : sum;
}

LaunchShape ShapeOf(int64_t blocks) {
  return {.grid = static_cast<unsigned>(blocks),
          .block = kThreads,
          .shared_bytes = kSharedBytes};
}

}  // namespace

void LaunchChunkSumsOfSquares(GpuStream stream, const ChunkSumsLaunch& args) {
  if (args.n == 0) return;
  Launch(stream, ShapeOf((args.n + kChunk - 1) / kChunk),
         &ChunkSumsKernel<true>, args);
}

void LaunchChunkSums(GpuStream stream, const ChunkSumsLaunch& args) {
  if (args.n == 0) return;
  Launch(stream, ShapeOf((args.n + kChunk - 1) / kChunk),
         &ChunkSumsKernel<false>, args);
}

void LaunchSumDoubles(GpuStream stream, const SumDoublesLaunch& args) {
  Launch(stream, ShapeOf(1), &SumDoublesKernel, args);
}

}  // namespace cogdist::cuda
