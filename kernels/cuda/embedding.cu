// A block a row of tokens.

#include "kernels/cuda/embedding_launch.h"

#include "kernels/cuda/device/dispatch_rows.cuh"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;

template <typename T, typename Table, int kCount>
__global__ void __launch_bounds__(kThreads)
    EmbeddingForwardKernel(EmbeddingForwardLaunch args) {
  const int64_t row = blockIdx.x, id = args.ids[row] - args.first_id;
  const bool held = id >= 0 && id < args.vocab;
  const Table* const from =
      static_cast<const Table*>(args.table) + (held ? id : 0) * args.hidden;
  T* const to = static_cast<T*>(args.y) + row * args.hidden;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float x[kCount] = {};
    if (held) LoadElements(from + i, x);
    StoreElements(x, to + i);
  }
}

// dtable[id] += row; each element is always the same thread's.
template <typename T, int kCount>
__device__ __forceinline__ void AddRow(const EmbeddingBackwardLaunch& args,
                                       int64_t id, int64_t row) {
  float* const to = args.dtable + id * args.hidden;
  const T* const from = static_cast<const T*>(args.dy) + row * args.hidden;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float sum[kCount], x[kCount];
    LoadElements(to + i, sum);
    LoadElements(from + i, x);
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum[j] += x[j];
    StoreElements(sum, to + i);
  }
}

// Of ids[begin, begin + kThreads), those equal to `id`, a bit a row: the same
// words for the whole block. `words` is shared memory.
__device__ __forceinline__ void FindEqual(const EmbeddingBackwardLaunch& args,
                                          int64_t begin, int64_t end, int id,
                                          uint32_t* words) {
  const int64_t row = begin + threadIdx.x;
  const uint32_t equal =
      __ballot_sync(kAllLanes, row < end && args.ids[row] == id);
  __syncthreads();  // all have used what was found before
  if (threadIdx.x % kWarp == 0) words[threadIdx.x / kWarp] = equal;
  __syncthreads();
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    EmbeddingBackwardKernel(EmbeddingBackwardLaunch args) {
  uint32_t* const words = reinterpret_cast<uint32_t*>(SharedArena());
  const int64_t first_row = blockIdx.x;
  const int id = args.ids[first_row];
  const int64_t entry = id - args.first_id;
  if (entry < 0 || entry >= args.vocab) return;  // the whole block
  for (int64_t begin = 0; begin < first_row; begin += kThreads) {
    FindEqual(args, begin, first_row, id, words);
    uint32_t any = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) any |= words[w];
    if (any != 0) return;  // an earlier row's block does it
  }
  for (int64_t begin = first_row; begin < args.rows; begin += kThreads) {
    FindEqual(args, begin, args.rows, id, words);
    for (int w = 0; w < kWarps; ++w) {
      for (uint32_t left = words[w]; left != 0; left &= left - 1) {
        const int bit = LowestBit(left);
        AddRow<T, kCount>(args, entry, begin + w * kWarp + bit);
      }
    }
  }
}

}  // namespace

void LaunchEmbeddingForward(GpuStream stream,
                            const EmbeddingForwardLaunch& args) {
  if (args.rows == 0) return;
  const LaunchShape shape = {.grid = static_cast<unsigned>(args.rows),
                             .block = kThreads};
  DispatchRows(
      args.type, args.table_type, args.hidden,
      [&]<typename T, typename Table, int kCount>(T, Table, Constant<kCount>) {
        Launch(stream, shape, &EmbeddingForwardKernel<T, Table, kCount>, args);
      },
      args.y, args.table);
}

void LaunchEmbeddingBackward(GpuStream stream,
                             const EmbeddingBackwardLaunch& args) {
  if (args.rows == 0) return;
  const LaunchShape shape = {.grid = static_cast<unsigned>(args.rows),
                             .block = kThreads,
                             .shared_bytes = kWarps * sizeof(uint32_t)};
  DispatchElement(args.type, [&]<typename T>(T) {
    DispatchWidth(
        args.hidden,
        [&]<int kCount>(Constant<kCount>) {
          Launch(stream, shape, &EmbeddingBackwardKernel<T, kCount>, args);
        },
        args.dtable, args.dy);
  });
}

}  // namespace cogdist::cuda
