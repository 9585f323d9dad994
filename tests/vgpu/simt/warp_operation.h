// Operations that the lanes of a warp do together. Each lane posts its operands
// and waits; the last to arrive does the work for all.

#ifndef COGDIST_TESTS_VGPU_SIMT_WARP_OPERATION_H_
#define COGDIST_TESTS_VGPU_SIMT_WARP_OPERATION_H_

#include <array>
#include <cstdint>

#include "tests/vgpu/simt/clocks.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

enum class WarpOp { kSync, kShuffle, kBallot, kLoadMatrix, kMultiplyAdd };
const char* Name(WarpOp op);

struct ShuffleOperands {
  uint32_t value;
  int source_lane;
  uint32_t result;
};
struct BallotOperands {
  bool vote;
  uint32_t result;
};
// ldmatrix.sync.aligned.m8n8.x{1,2,4}{.trans}.shared.b16
struct LoadMatrixOperands {
  uint32_t* registers;  // [matrices]
  int matrices;
  bool transposed;
  uint32_t address;  // shared; of row lane % 8 of matrix lane / 8
};
// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
struct MultiplyAddOperands {
  float* d;           // [4], the addend too
  const uint32_t* a;  // [4], pairs of bfloat16
  const uint32_t* b;  // [2]
};

// An operation that some lanes have reached.
struct PendingOperation {
  WarpOp op;
  uint32_t lanes;  // that take part
  uint32_t arrived = 0;
  CodeOffset code = 0;  // of the first
  std::array<void*, kWarpSize> operands = {};
};

// Arithmetic and data movement only. `order`, 0..15, is that of the sums.
// D = A B + D in the layout of the PTX ISA, "Matrix Fragments for
// mma.m16n8k16": with group = lane / 4 and t = lane % 4, a lane holds
//   A [16, 16] in a[i]: row group + 8 (i % 2), columns 2t + 8 (i / 2) and + 1,
//   B [16, 8] in b[i]:  rows 2t + 8 i and + 1, column group,
//   D [16, 8] in d[i]:  row group + 8 (i / 2), column 2t + i % 2.
void MultiplyAdd(PendingOperation& operation, int order, bool truncate);
void Ballot(PendingOperation& operation);
// The rows [matrices][8] that ldmatrix has read go to the lanes: lane l gets
// elements 2 (l % 4) and + 1 of row l / 4, or, transposed, of column l / 4.
using MatrixRow = std::array<uint16_t, 8>;
void DistributeRows(PendingOperation& operation, const MatrixRow* rows);

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_WARP_OPERATION_H_
