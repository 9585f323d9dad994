#include "tests/vgpu/simt/faulty_kernels.h"

#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kRows = 64;   // of a, b and c
constexpr int kSlice = 16;  // columns of a and b at a time
constexpr int kRowBytes = kSlice * 2;
constexpr int kStageBytes = 2 * kRows * kRowBytes;
constexpr int kStages = 2;
constexpr int kProductThreads = 128;

// Row r of slice data at 16-byte chunk c: two chunks a row, and four rows to
// the 128 bytes of all banks, so that eight rows meet no bank twice.
__device__ __forceinline__ uint32_t Swizzled(int row, int chunk) {
  return row * kRowBytes + ((chunk ^ (row >> 2 & 1)) << 4);
}

__device__ __forceinline__ void CopySlice(uint32_t stage,
                                          const ProductArgs& args, int slice) {
  for (int i = threadIdx.x; i < 2 * kRows * 2; i += kProductThreads) {
    const bool is_b = i >= 2 * kRows;
    const int row = i / 2 % kRows, chunk = i % 2;
    const uint16_t* const from = is_b ? args.b : args.a;
    CopyAsync16(stage + is_b * kRows * kRowBytes + Swizzled(row, chunk),
                from + row * args.depth + slice * kSlice + chunk * 8);
  }
}

template <Mistake kMistake>
__global__ void Product(ProductArgs args) {
  const uint32_t shared = SharedAddress(SharedArena());
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int slices = args.depth / kSlice;
  float sums[kRows / 8][4] = {};
  CopySlice(shared, args, 0);
  CommitCopies();
  for (int slice = 0; slice < slices; ++slice) {
    const uint32_t stage = shared + slice % kStages * kStageBytes;
    if (slice + 1 < slices) {
      CopySlice(shared + (slice + 1) % kStages * kStageBytes, args, slice + 1);
    }
    CommitCopies();
    WaitForCopies<kMistake == Mistake::kTooFewGroupsWaitedFor ? 2 : 1>();
    if (kMistake != Mistake::kNoBarrierAfterWait) __syncthreads();
    uint32_t a[4];
    LoadMatrix4(a, stage + Swizzled(warp * 16 + lane % 16, lane / 16));
    for (int n = 0; n < kRows / 16; ++n) {
      uint32_t b[4];
      LoadMatrix4(
          b, stage + kRows * kRowBytes +
                 Swizzled(n * 16 + lane % 8 + lane / 16 * 8, lane / 8 % 2));
      MultiplyAdd(sums[2 * n], a, b[0], b[1]);
      MultiplyAdd(sums[2 * n + 1], a, b[2], b[3]);
    }
    if (kMistake != Mistake::kNoBarrierBeforeReuse) __syncthreads();
  }
  if (kMistake == Mistake::kNoWaitAtEnd) {
    CopySlice(shared, args, 0);
    CommitCopies();
  }
  for (int n = 0; n < kRows / 8; ++n) {
    for (int i = 0; i < 4; ++i) {
      const int row = warp * 16 + lane / 4 + i / 2 * 8;
      args.c[row * kRows + n * 8 + lane % 4 * 2 + i % 2] = sums[n][i];
    }
  }
}

__constant__ const float kTable[2] = {1, 2};

template <Mistake kMistake>
__device__ __forceinline__ void TouchGlobal(const ExchangeArgs& args,
                                            float value) {
  const int thread = threadIdx.x, block = blockIdx.x;
  if (kMistake == Mistake::kGlobalBeyondEnd && thread == 7) {
    args.y[kExchangeBlocks * kExchangeThreads + block] = value;
  }
  if (kMistake == Mistake::kGlobalUninitialised && thread == 9) {
    args.y[block] = args.other[0];
  }
  if (kMistake == Mistake::kFreedMemory || kMistake == Mistake::kHostMemory) {
    args.other[thread + block * kExchangeThreads] = value;
  }
  if (kMistake == Mistake::kMisaligned && thread == 3) {
    Store16(args.other + 1, Words4{});
  }
  if (kMistake == Mistake::kWideStoreToShared && thread == 4) {
    Store16(SharedArena(), Words4{});
  }
  if (kMistake == Mistake::kBlocksShareOutput && thread == 0) {
    args.other[0] = value;
  }
  if (kMistake == Mistake::kBlocksReadOutput && thread == 0) {
    if (block == 0) args.y[0] = value;
    if (block == 1) args.other[0] = args.y[0];
  }
  if (kMistake == Mistake::kThreadsShareOutput) {
    args.other[block] = value;
  }
  if (kMistake == Mistake::kWriteToConstant) {
    const_cast<volatile float*>(kTable)[thread % 2] = value;
  }
}

template <Mistake kMistake>
__device__ __forceinline__ void Disagree() {
  const int thread = threadIdx.x, lane = thread % 32;
  if (kMistake == Mistake::kDivergentBarrier) {
    if (thread / 32 != 2) __syncthreads();
  }
  if (kMistake == Mistake::kTwoBarriers) {
    if (thread < 64) __syncthreads();
    if (thread >= 64) __syncthreads();
  }
  if (kMistake == Mistake::kDivergentWarp) {
    if (lane < 16) {
      __ballot_sync(kAllLanes, true);
    } else {
      __shfl_xor_sync(kAllLanes, lane, 1);
    }
  }
  if (kMistake == Mistake::kLaneLeftOut && lane < 16) {
    __shfl_xor_sync(0xffffu, lane, 16);
  }
  if (kMistake == Mistake::kMaskWithoutCaller) {
    __syncwarp(0xffffu);
  }
  if (kMistake == Mistake::kMissingLanes) {
    if (lane < 16) __shfl_xor_sync(kAllLanes, lane, 1);
  }
}

template <Mistake kMistake>
__global__ void Exchange(ExchangeArgs args) {
  float* const numbers = reinterpret_cast<float*>(SharedArena());
  const int thread = threadIdx.x, lane = thread % 32;
  const int index = blockIdx.x * kExchangeThreads + thread;
  numbers[thread] = 0;
  __syncthreads();
  numbers[thread] = args.x[index];
  if (kMistake == Mistake::kShuffleForSyncWarp) {
    __shfl_xor_sync(kAllLanes, lane, 1);
  } else if (kMistake == Mistake::kSyncWarpOfHalf) {
    __syncwarp(lane < 16 ? 0xffffu : 0xffff0000u);
  } else if (kMistake != Mistake::kNoSyncWarp) {
    __syncwarp();
  }
  float value = numbers[thread ^ 31];
  if (kMistake != Mistake::kNoSyncWarpBeforeReuse &&
      kMistake != Mistake::kSyncWarpOfHalf) {
    __syncwarp();
  }
  numbers[thread] = value;
  if (kMistake != Mistake::kNoBarrier) __syncthreads();
  value = numbers[thread ^ (kExchangeThreads - 32)];
  if (kMistake == Mistake::kSharedBeyondEnd) {
    value += numbers[kExchangeThreads + 32 + thread];
  }
  if (kMistake == Mistake::kSharedBeforeBegin && thread == 5) {
    numbers[-1] = value;
  }
  if (kMistake == Mistake::kSharedUninitialised) {
    value += numbers[kExchangeThreads + thread % 32];
  }
  Disagree<kMistake>();
  TouchGlobal<kMistake>(args, value);
  const bool written = kMistake == Mistake::kBlocksReadOutput && index == 0;
  if (!written) args.y[index] = value;
}

// Calls f<mistake>() of a mistake that is known at run time.
template <int kFirst, typename F>
void Dispatch(Mistake mistake, const F& f) {
  if (static_cast<int>(mistake) == kFirst) {
    f.template operator()<static_cast<Mistake>(kFirst)>();
  } else if constexpr (kFirst < static_cast<int>(Mistake::kWriteToConstant)) {
    Dispatch<kFirst + 1>(mistake, f);
  }
}

}  // namespace

void LaunchProduct(CUstream_st* stream, Mistake mistake,
                   const ProductArgs& args) {
  const LaunchShape shape = {.grid = {1},
                             .block = {kProductThreads},
                             .shared_bytes = kStages * kStageBytes};
  Dispatch<0>(mistake, [&]<Mistake kMistake>() {
    Launch(stream, shape, &Product<kMistake>, args);
  });
}

void LaunchExchange(CUstream_st* stream, Mistake mistake,
                    const ExchangeArgs& args) {
  const LaunchShape shape = {
      .grid = {kExchangeBlocks},
      .block = {kExchangeThreads},
      .shared_bytes = (kExchangeThreads + 32) * sizeof(float)};
  Dispatch<0>(mistake, [&]<Mistake kMistake>() {
    Launch(stream, shape, &Exchange<kMistake>, args);
  });
}

}  // namespace cogdist::cuda
