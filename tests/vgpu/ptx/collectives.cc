// What the lanes of a warp do together; the emulator's blocks know who waits
// for whom, and the layouts of matrices (tests/vgpu/simt/warp_operation.h).

#include <array>

#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

using simt::WarpOp;

void SyncWarp(Thread& t, const Instruction& x) {
  t.block().RunWarpOperation(WarpOp::kSync, t.Get<uint32_t>(x[0]), nullptr,
                             x.code);
}

// d|p, value, b, limits, lanes. The warp is cut into segments of a power of
// two; a lane whose source would be beyond its segment keeps its own value, and
// p is false.
enum class ShuffleMode { kUp, kDown, kButterfly, kIndex };

struct Source {
  int lane;
  bool inside;
};
Source SourceOf(ShuffleMode mode, int lane, uint32_t b, uint32_t limits) {
  const int segment_mask = limits >> 8 & 31, limit = limits & 31;
  const int offset = b & 31;
  const int first = lane & segment_mask;
  const int last = first | (limit & ~segment_mask);
  int from = lane;
  switch (mode) {
    case ShuffleMode::kUp:
      from = lane - offset;
      return from >= last ? Source{from, true} : Source{lane, false};
    case ShuffleMode::kDown:
      from = lane + offset;
      break;
    case ShuffleMode::kButterfly:
      from = lane ^ offset;
      break;
    case ShuffleMode::kIndex:
      from = first | (offset & ~segment_mask);
      break;
  }
  return from <= last ? Source{from, true} : Source{lane, false};
}

template <ShuffleMode kMode>
void Shuffle(Thread& t, const Instruction& x, const Operand* inside,
             const Operand* in) {
  const Source source =
      SourceOf(kMode, t.block().thread().lane(), t.Get<uint32_t>(in[1]),
               t.Get<uint32_t>(in[2]));
  simt::ShuffleOperands operands = {t.Get<uint32_t>(in[0]), source.lane, 0};
  t.block().RunWarpOperation(WarpOp::kShuffle, t.Get<uint32_t>(in[3]),
                             &operands, x.code);
  t.Set(x[0], operands.result);
  if (inside != nullptr) t.Set(*inside, source.inside);
}
template <ShuffleMode kMode>
void ShuffleValue(Thread& t, const Instruction& x) {
  Shuffle<kMode>(t, x, nullptr, &x[1]);
}
template <ShuffleMode kMode>
void ShuffleBoth(Thread& t, const Instruction& x) {
  Shuffle<kMode>(t, x, &x[1], &x[2]);
}
template <ShuffleMode kMode>
void AddShuffle(OpcodeTable& table, const char* name) {
  table.Add(name, "dssss", ShuffleValue<kMode>);
  table.Add(name, "d|dssss", ShuffleBoth<kMode>);
}

void Ballot(Thread& t, const Instruction& x) {
  simt::BallotOperands operands = {t.Get<bool>(x[1]), 0};
  t.block().RunWarpOperation(WarpOp::kBallot, t.Get<uint32_t>(x[2]), &operands,
                             x.code);
  t.Set(x[0], operands.result);
}

template <int kMatrices, bool kTransposed>
void LoadMatrix(Thread& t, const Instruction& x) {
  std::array<uint32_t, kMatrices> registers;
  simt::LoadMatrixOperands operands = {registers.data(), kMatrices, kTransposed,
                                       t.Get<uint32_t>(x[kMatrices])};
  t.block().RunWarpOperation(WarpOp::kLoadMatrix, ~0u, &operands, x.code);
  for (int i = 0; i < kMatrices; ++i) t.Set(x[i], registers[i]);
}

// {d}, {a}, {b}, {c}: d = a b + c.
void MultiplyAdd(Thread& t, const Instruction& x) {
  std::array<uint32_t, 4> a;
  std::array<uint32_t, 2> b;
  std::array<float, 4> sum;
  for (int i = 0; i < 4; ++i) {
    a[i] = t.Get<uint32_t>(x[4 + i]);
    sum[i] = t.Get<float>(x[10 + i]);
  }
  for (int i = 0; i < 2; ++i) b[i] = t.Get<uint32_t>(x[8 + i]);
  simt::MultiplyAddOperands operands = {sum.data(), a.data(), b.data()};
  t.block().RunWarpOperation(WarpOp::kMultiplyAdd, ~0u, &operands, x.code);
  for (int i = 0; i < 4; ++i) t.Set(x[i], sum[i]);
}

}  // namespace

void AddCollectives(OpcodeTable& table) {
  table.Add("bar.warp.sync", "s", SyncWarp);
  AddShuffle<ShuffleMode::kUp>(table, "shfl.sync.up.b32");
  AddShuffle<ShuffleMode::kDown>(table, "shfl.sync.down.b32");
  AddShuffle<ShuffleMode::kButterfly>(table, "shfl.sync.bfly.b32");
  AddShuffle<ShuffleMode::kIndex>(table, "shfl.sync.idx.b32");
  table.Add("vote.sync.ballot.b32", "dss", Ballot);
  table.Add("ldmatrix.sync.aligned.m8n8.x1.shared.b16", "{d}a",
            LoadMatrix<1, false>);
  table.Add("ldmatrix.sync.aligned.m8n8.x2.shared.b16", "{dd}a",
            LoadMatrix<2, false>);
  table.Add("ldmatrix.sync.aligned.m8n8.x4.shared.b16", "{dddd}a",
            LoadMatrix<4, false>);
  table.Add("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16", "{d}a",
            LoadMatrix<1, true>);
  table.Add("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16", "{dd}a",
            LoadMatrix<2, true>);
  table.Add("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16", "{dddd}a",
            LoadMatrix<4, true>);
  table.Add("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
            "{dddd}{ssss}{ss}{ssss}", MultiplyAdd);
}

}  // namespace cogdist::ptx
