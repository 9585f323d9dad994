#include "tests/vgpu/simt/device_calls.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "tests/vgpu/simt/block.h"

// Where in the kernel this function was called.
#define COGDIST_CALLER OffsetOf(__builtin_return_address(0))

namespace cogdist::simt {
namespace {

constexpr size_t kWideBytes = 16;

Block& Current() {
  Block* const block = Block::Current();
  COG_CHECK(block != nullptr, "device code runs only under the emulator");
  return *block;
}

void AccessWide(const void* address, bool is_write, CodeOffset code) {
  Block& block = Current();
  ++block.stats().wide_accesses;
  block.AccessAligned(address, kWideBytes, is_write, code);
}

}  // namespace

dim3 ThreadIndex() { return Current().thread().index; }
dim3 BlockIndex() { return Current().index(); }
dim3 BlockExtent() { return Current().launch().block; }
dim3 GridExtent() { return Current().launch().grid; }
int Lane() { return Current().thread().lane(); }

void SyncThreads() { Current().SyncThreads(COGDIST_CALLER); }

void SyncWarp(uint32_t lanes) {
  Current().RunWarpOperation(WarpOp::kSync, lanes, nullptr, COGDIST_CALLER);
}

uint32_t Shuffle(uint32_t lanes, uint32_t value, int source_lane) {
  ShuffleOperands operands = {value, source_lane & (kWarpSize - 1), 0};
  Current().RunWarpOperation(WarpOp::kShuffle, lanes, &operands,
                             COGDIST_CALLER);
  return operands.result;
}

uint32_t Ballot(uint32_t lanes, bool vote) {
  BallotOperands operands = {vote, 0};
  Current().RunWarpOperation(WarpOp::kBallot, lanes, &operands, COGDIST_CALLER);
  return operands.result;
}

unsigned char* SharedArena() { return Current().shared(); }

uint32_t SharedAddress(const void* pointer) {
  return Current().SharedAddress(pointer, COGDIST_CALLER);
}

void LoadWide(void* to, const void* from) {
  AccessWide(from, false, COGDIST_CALLER);
  std::memcpy(to, from, kWideBytes);
}

void StoreWide(void* to, const void* from) {
  AccessWide(to, true, COGDIST_CALLER);
  std::memcpy(to, from, kWideBytes);
}

void CopyAsync(uint32_t to, const void* from, int from_bytes) {
  Current().IssueCopy({to, from, from_bytes, COGDIST_CALLER});
}

void CommitCopies() { Current().CommitCopies(); }

void WaitForCopies(int groups_left) { Current().WaitForCopies(groups_left); }

void LoadMatrix(uint32_t* registers, int matrices, bool transposed,
                uint32_t address) {
  LoadMatrixOperands operands = {registers, matrices, transposed, address};
  Current().RunWarpOperation(WarpOp::kLoadMatrix, ~0u, &operands,
                             COGDIST_CALLER);
}

void MultiplyAdd(float* d, const uint32_t* a, const uint32_t* b) {
  MultiplyAddOperands operands = {d, a, b};
  Current().RunWarpOperation(WarpOp::kMultiplyAdd, ~0u, &operands,
                             COGDIST_CALLER);
}

}  // namespace cogdist::simt
