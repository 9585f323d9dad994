// Kernels with a switch for every mistake that the emulator has to find.

#ifndef COGDIST_TESTS_VGPU_SIMT_FAULTY_KERNELS_H_
#define COGDIST_TESTS_VGPU_SIMT_FAULTY_KERNELS_H_

#include <cstdint>

struct CUstream_st;

namespace cogdist::cuda {

enum class Mistake {
  kNone,
  // Of the pipelined matrix product.
  kNoBarrierAfterWait,     // others' copies are read after our own wait only
  kTooFewGroupsWaitedFor,  // the newest stage is read, the one before waited
                           // for
  kNoBarrierBeforeReuse,   // a stage is filled while others still read it
  kNoWaitAtEnd,            // the block ends with copies under way
  // Of the exchange through shared memory.
  kNoBarrier,
  kNoSyncWarp,
  kShuffleForSyncWarp,  // a shuffle does not order memory
  kSyncWarpOfHalf,      // __syncwarp names only half of the lanes that exchange
  kNoSyncWarpBeforeReuse,
  kSharedBeyondEnd,
  kSharedBeforeBegin,
  kSharedUninitialised,
  kDivergentBarrier,  // one warp leaves a barrier out
  kTwoBarriers,       // half of the block in another call of it
  kDivergentWarp,     // half of a warp votes while the other shuffles
  kLaneLeftOut,       // a shuffle reads a lane that its mask does not name
  kMaskWithoutCaller,
  kMissingLanes,  // half of a warp is waited for and has ended
  kGlobalBeyondEnd,
  kGlobalUninitialised,
  kFreedMemory,
  kHostMemory,
  kMisaligned,
  kWideStoreToShared,  // such stores are to device memory
  kBlocksShareOutput,  // two blocks write one number
  kBlocksReadOutput,   // one block reads what another writes
  kThreadsShareOutput,
  kWriteToConstant,  // to a constant of the program
};

// c = a b^T with one block of four warps; a [64, depth] and b [64, depth]
// bfloat16, c [64, 64] float32; depth is a multiple of 16.
struct ProductArgs {
  float* c;
  const uint16_t* a;
  const uint16_t* b;
  int depth;
};
void LaunchProduct(CUstream_st* stream, Mistake mistake,
                   const ProductArgs& args);

inline constexpr int kExchangeThreads = 128;
inline constexpr int kExchangeBlocks = 2;

// Each block reverses its part of x [blocks * threads] within warps and then
// within the block.
struct ExchangeArgs {
  float* y;        // [blocks * threads]
  const float* x;  // [blocks * threads]
  float* other;    // what the mistakes with global memory touch
};
void LaunchExchange(CUstream_st* stream, Mistake mistake,
                    const ExchangeArgs& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_TESTS_VGPU_SIMT_FAULTY_KERNELS_H_
