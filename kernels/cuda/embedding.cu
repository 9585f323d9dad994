// A block a row of tokens.

#include "kernels/cuda/embedding_launch.h"

#include "kernels/cuda/device/dispatch_rows.cuh"
#include "kernels/cuda/device/elements.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kListed = 2 * kThreads;  // rows that are added at a time

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

struct BackwardShared {
  uint32_t votes[kWarps];  // a bit a thread
  int rows[kListed];
};

// Collects the block's votes. Each thread has used the last ones by then.
__device__ __forceinline__ void Vote(bool mine, uint32_t* votes) {
  const uint32_t of_warp = __ballot_sync(kAllLanes, mine);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) votes[threadIdx.x / kWarp] = of_warp;
  __syncthreads();
}

// Whether a row before `row` has the id; the same for the whole block.
__device__ __forceinline__ bool IsInEarlierRow(
    const EmbeddingBackwardLaunch& args, int id, int64_t row, uint32_t* votes) {
  constexpr int kAtOnce = 16;  // loads in flight
  for (int64_t begin = 0; begin < row; begin += kThreads * kAtOnce) {
    bool found = false;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int64_t other = begin + k * kThreads + threadIdx.x;
      found |= other < row && args.ids[other] == id;
    }
    Vote(found, votes);
    uint32_t any = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) any |= votes[w];
    if (any != 0) return true;
  }
  return false;
}

// Appends to rows[count..], in order, the rows of [begin, begin + kThreads)
// that have the id. Returns how many there are then.
__device__ __forceinline__ int AppendRows(const EmbeddingBackwardLaunch& args,
                                          int id, int64_t begin, int count,
                                          BackwardShared& shared) {
  const int64_t row = begin + threadIdx.x;
  Vote(row < args.rows && args.ids[row] == id, shared.votes);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  int at = count;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    if (w == warp) at += CountBits(shared.votes[w] & ((1u << lane) - 1));
    if (w < warp) at += CountBits(shared.votes[w]);
    count += CountBits(shared.votes[w]);
  }
  if (shared.votes[warp] >> lane & 1) shared.rows[at] = static_cast<int>(row);
  return count;
}

// dtable[entry] += dy[rows[0]] + ... in this order; each element is always the
// same thread's.
template <typename T, int kCount>
__device__ __forceinline__ void AddRows(const EmbeddingBackwardLaunch& args,
                                        int64_t entry, const int* rows,
                                        int count) {
  float* const to = args.dtable + entry * args.hidden;
  for (int64_t i = threadIdx.x * kCount; i < args.hidden;
       i += kThreads * kCount) {
    float sum[kCount];
    LoadElements(to + i, sum);
#pragma unroll 4  // loads in flight
    for (int r = 0; r < count; ++r) {
      float x[kCount];
      LoadElements(
          static_cast<const T*>(args.dy) + int64_t{rows[r]} * args.hidden + i,
          x);
#pragma unroll
      for (int j = 0; j < kCount; ++j) sum[j] += x[j];
    }
    StoreElements(sum, to + i);
  }
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    EmbeddingBackwardKernel(EmbeddingBackwardLaunch args) {
  BackwardShared& shared = *reinterpret_cast<BackwardShared*>(SharedArena());
  const int64_t first_row = blockIdx.x;
  const int id = args.ids[first_row];
  const int64_t entry = id - args.first_id;
  if (entry < 0 || entry >= args.vocab) return;  // the whole block
  if (IsInEarlierRow(args, id, first_row, shared.votes)) return;
  int count = 0;
  for (int64_t begin = first_row; begin < args.rows; begin += kThreads) {
    count = AppendRows(args, id, begin, count, shared);
    const bool has_room = count <= kListed - kThreads;
    if (has_room && begin + kThreads < args.rows) continue;
    __syncthreads();  // the list is there; the next vote waits for its users
    AddRows<T, kCount>(args, entry, shared.rows, count);
    count = 0;
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
                             .shared_bytes = sizeof(BackwardShared)};
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
