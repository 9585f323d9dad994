// Ring attention on ranks that are threads, against float64 and the kernel of
// one rank on the whole sequence.

#include "parallel/context/ring_attention.h"

#include "absl/strings/str_cat.h"
#include "tests/parallel/context/local_attention.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {
namespace {

constexpr AttentionKind kKinds[] = {AttentionKind::kCog,
                                    AttentionKind::kSoftmax};

// Forward and backward on `ranks` ranks; the results end in `x`. The arena is
// as large as a meta device says, and the bytes sent are the exact formulas.
void RunRing(const AttentionCase& c, const AttentionTensors& x, int ranks) {
  RunRanks(ranks, [&](TestRank& self) {
    Stream& compute = *self.compute;
    const LocalAttention local(c, ranks, self.rank);
    local.Gather(compute, x);
    const RingPlan plan = PlanRing(local, ranks, self.rank);
    auto arena = Arena::Create(self.device, plan.arena_bytes);
    COG_CHECK_OK(arena.status());
    const ContextRing ring = {self.world.get(), compute,
                              self.communication.get(), *arena};
    RingAttentionForward(ring, local.ForwardArgs());
    EXPECT_EQ(arena->used_bytes(), 0);
    compute.Synchronize();
    const int64_t forward = self.world->traffic().data_bytes;
    RingAttentionBackward(ring, local.BackwardArgs());
    EXPECT_EQ(arena->used_bytes(), 0);
    compute.Synchronize();
    const int64_t backward = self.world->traffic().data_bytes - forward;
    local.Scatter(compute, x);

    EXPECT_EQ(arena->high_water_bytes(), plan.arena_bytes);
    EXPECT_EQ(compute.workspace_bytes(), plan.workspace_bytes);
    const int64_t keys = c.kv_shape().num_elements();
    EXPECT_EQ(forward, 2 * (ranks - 1) * keys * SizeOf(c.dtype) / ranks);
    EXPECT_EQ(backward, forward + 8 * (ranks - 1) * keys / ranks);
    EXPECT_EQ(plan.forward_sent, forward);
    EXPECT_EQ(plan.backward_sent, backward);
  });
}

// The kernels on the whole sequence.
void RunWhole(const AttentionCase& c, const AttentionTensors& x) {
  CpuDevice device;
  CpuStream stream(device);
  AttentionForward(stream, x.ForwardArgs(c));
  AttentionBackward(stream, x.BackwardArgs(c));
}

void CheckCase(const AttentionCase& c, int ranks, uint64_t seed = 1) {
  SCOPED_TRACE(absl::StrCat(ranks, " ranks, ", c.q_len, " tokens, ",
                            Name(c.dtype), ", batch ", c.batch, ", heads ",
                            c.heads, "/", c.kv_heads, ", documents ",
                            !c.document_start.empty(), ", softmax ",
                            c.kind == AttentionKind::kSoftmax));
  const AttentionTensors x = TensorsForGradients(c, seed);
  RunRing(c, x, ranks);
  ExpectForward(c, x);
  ExpectBackward(c, x);
  const AttentionTensors whole = TensorsForGradients(c, seed);
  RunWhole(c, whole);
  const double tolerance = c.dtype == DType::kFloat32 ? 1e-5 : 1e-2;
  EXPECT_LE(RelativeError(x.o.values(), whole.o.values()), tolerance);
  EXPECT_LE(RelativeError(x.dq.values(), whole.dq.values()), tolerance);
  EXPECT_LE(RelativeError(x.dk.values(), whole.dk.values()), tolerance);
  EXPECT_LE(RelativeError(x.dv.values(), whole.dv.values()), tolerance);
}

AttentionCase Sequence(int64_t tokens, AttentionKind kind) {
  return {.batch = 2,
          .q_len = tokens,
          .kv_len = tokens,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 8,
          .kind = kind};
}

// Documents that begin at every multiple of `length`; in each further sequence
// one token later.
std::vector<int32_t> EqualDocuments(const AttentionCase& c, int64_t length) {
  std::vector<int32_t> starts;
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t i = 0; i < c.q_len; ++i) {
      starts.push_back(i < b ? 0 : (i - b) / length * length + b);
    }
  }
  return starts;
}

TEST(RingAttentionTest, AgreesWithFloat64) {
  for (const AttentionKind kind : kKinds) {
    for (const int ranks : {1, 2, 3, 4}) {
      CheckCase(Sequence(24, kind), ranks);
      CheckCase(Sequence(120, kind), ranks);
    }
  }
}

TEST(RingAttentionTest, PiecesLargerThanATile) {
  for (const AttentionKind kind : kKinds) {
    AttentionCase c = Sequence(456, kind);
    c.batch = 1;
    c.heads = 2;
    c.kv_heads = 1;
    c.head_dim = 10;
    for (const int ranks : {2, 3}) {
      c.document_start.clear();
      CheckCase(c, ranks);
      c.document_start = RandomDocuments(c.batch, c.q_len, 0);
      CheckCase(c, ranks);
    }
  }
}

TEST(RingAttentionTest, PiecesOfOneToken) {
  for (const AttentionKind kind : kKinds) {
    for (const int ranks : {2, 3, 4})
      CheckCase(Sequence(2 * ranks, kind), ranks);
  }
}

TEST(RingAttentionTest, HeadsOfTheirOwnOrOfAll) {
  AttentionCase c = Sequence(24, AttentionKind::kCog);
  for (const int64_t kv_heads : {1, 4}) {
    c.kv_heads = kv_heads;
    for (const int ranks : {2, 3}) CheckCase(c, ranks);
  }
}

TEST(RingAttentionTest, BFloat16) {
  for (const AttentionKind kind : kKinds) {
    for (const int ranks : {1, 2, 3, 4}) {
      AttentionCase c = Sequence(48, kind);
      c.dtype = DType::kBFloat16;
      CheckCase(c, ranks);
      c.document_start = EqualDocuments(c, 7);
      CheckCase(c, ranks);
    }
  }
}

TEST(RingAttentionTest, DocumentsCrossPieces) {
  for (const AttentionKind kind : kKinds) {
    for (const int ranks : {1, 2, 3, 4}) {
      AttentionCase c = Sequence(48, kind);
      // One token each; two; borders of pieces of 6, 8, 12 in one sequence and
      // one off in the other; some that span several pieces.
      for (const int64_t length : {1, 2, 6, 8, 12, 13, 24, 47}) {
        c.document_start = EqualDocuments(c, length);
        CheckCase(c, ranks);
      }
      c.document_start = RandomDocuments(c.batch, c.q_len, 0);
      CheckCase(c, ranks);
    }
  }
}

TEST(RingAttentionTest, SameBitsInEveryRun) {
  AttentionCase c = Sequence(120, AttentionKind::kCog);
  c.document_start = EqualDocuments(c, 50);
  const AttentionTensors x(c), y(c);
  RunRing(c, x, 4);
  RunRing(c, y, 4);
  EXPECT_TRUE(x.o.bytes() == y.o.bytes());
  EXPECT_TRUE(x.lse.bytes() == y.lse.bytes());
  EXPECT_TRUE(x.dq.bytes() == y.dq.bytes());
  EXPECT_TRUE(x.dk.bytes() == y.dk.bytes());
  EXPECT_TRUE(x.dv.bytes() == y.dv.bytes());
}

TEST(RingAttentionTest, OneRankIsTheKernelItself) {
  AttentionCase c = Sequence(25, AttentionKind::kCog);
  c.document_start = EqualDocuments(c, 9);
  const AttentionTensors x(c), whole(c);
  RunRing(c, x, 1);
  RunWhole(c, whole);
  EXPECT_TRUE(x.o.bytes() == whole.o.bytes());
  EXPECT_TRUE(x.lse.bytes() == whole.lse.bytes());
  EXPECT_TRUE(x.dq.bytes() == whole.dq.bytes());
  EXPECT_TRUE(x.dk.bytes() == whole.dk.bytes());
  EXPECT_TRUE(x.dv.bytes() == whole.dv.bytes());
  EXPECT_EQ(PlanRing(LocalAttention(c, 1, 0), 1, 0).arena_bytes, 0);
}

TEST(RingAttentionTest, MemoryIsLinearInTheLocalSequence) {
  const AttentionCase small = Sequence(1024, AttentionKind::kCog);
  const AttentionCase large = Sequence(2048, AttentionKind::kCog);
  const int64_t half = PlanRing(LocalAttention(small, 4, 1), 4, 1).arena_bytes;
  EXPECT_EQ(PlanRing(LocalAttention(large, 4, 1), 4, 1).arena_bytes, 2 * half);
  EXPECT_EQ(PlanRing(LocalAttention(large, 8, 1), 8, 1).arena_bytes, half);
}

TEST(RingAttentionTest, RefusesMasksThatItCannotShare) {
  const AttentionCase c = Sequence(8, AttentionKind::kCog);
  const LocalAttention local(c, 2, 0);
  MetaDevice device;
  HostCommunicator group(std::make_unique<MetaTransport>(0, 2), device);
  MetaStream stream(device);
  Arena arena = Arena::ForPlanning();
  const ContextRing ring = {&group, stream, &stream, arena};
  AttentionForwardArgs args = local.ForwardArgs();
  args.mask.causal = false;
  EXPECT_DEATH(RingAttentionForward(ring, args), "shares causal attention");
  AttentionBackwardArgs backward = local.BackwardArgs();
  backward.mask.query_offset = 1;
  EXPECT_DEATH(RingAttentionBackward(ring, backward), "whole sequences");
}

}  // namespace
}  // namespace cogdist::testing
