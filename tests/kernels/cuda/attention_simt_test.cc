#include "tests/kernels/cuda/attention_test.h"

namespace cogdist {
namespace {

class AttentionSimtTest : public AttentionGpuTest {
 protected:
  void RunBoth(const AttentionCase& c, const AttentionTensors& x) {
    const Memory m = Prepare(c, x);
    cuda::LaunchAttentionForwardSimt(stream(), Forward(m));
    cuda::LaunchAttentionBackwardSimt(stream(), Backward(m));
    FetchBackward(m, x);
    ExpectClean();
    ExpectBackward(c, x);
  }
};

TEST_F(AttentionSimtTest, Forward) {
  for (int seed = 0; seed < SomeSeeds(30); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c =
        Draw(seed, {1, 17, 32, 40, 70}, {8, 8, 20, 20, 32, 32, 40, 128, 256});
    c.dtype = CaseDice(seed + 500).FloatType();
    const AttentionTensors x(c, seed + 1);
    const Memory m = Prepare(c, x);
    cuda::LaunchAttentionForwardSimt(stream(), Forward(m));
    FetchForward(m, x);
    ExpectClean();
    ExpectForward(c, x);
  }
}

TEST_F(AttentionSimtTest, Backward) {
  for (int seed = 0; seed < SomeSeeds(30); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c =
        Draw(seed, {1, 17, 32, 40, 70}, {8, 8, 20, 20, 32, 40, 96, 256});
    c.dtype = CaseDice(seed + 500).FloatType();
    RunBoth(c, TensorsForGradients(c, seed + 1));
  }
}

TEST_F(AttentionSimtTest, BackwardOfKeysAmongDocuments) {
  Begin(1);
  const AttentionCase c = KeysAmongDocuments(8);
  RunBoth(c, TensorsForGradients(c));
}

// Keys in two parts and merged, as around a ring.
TEST_F(AttentionSimtTest, MergedPartsAreTheWhole) {
  for (int seed = 0; seed < SomeSeeds(30); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase whole = Draw(seed, {1, 17, 50}, {8, 32});
    whole.document_start.clear();
    whole.kv_len += 1;
    const AttentionTensors x(whole, seed + 1);
    AttentionCase parts[2] = {whole, whole};
    parts[0].kv_len = CaseDice(seed).Between(0, whole.kv_len);
    parts[1].kv_len -= parts[0].kv_len;
    parts[1].key_offset += parts[0].kv_len;
    Memory m[2] = {Prepare(whole, x), Prepare(whole, x)};
    for (int i = 0; i < 2; ++i) {
      m[i].problem.kv_len = parts[i].kv_len;
      m[i].problem.key_offset = parts[i].key_offset;
    }
    for (cuda::HeadsView* view : {&m[1].k, &m[1].v}) {
      view->data =
          static_cast<float*>(view->data) + parts[0].kv_len * view->row_stride;
    }
    for (const Memory& part : m) {
      const HostTensor zeros(DType::kFloat32, whole.kv_shape());
      cuda::LaunchAttentionForwardSimt(stream(), Forward(part));
    }
    // Sequences lie further apart than a part is long.
    cuda::LaunchAttentionMerge(stream(), {.o = m[0].o,
                                          .lse = m[0].lse,
                                          .other_o = m[1].o,
                                          .other_lse = m[1].lse,
                                          .batch = whole.batch,
                                          .q_len = whole.q_len,
                                          .heads = whole.heads,
                                          .head_dim = whole.head_dim});
    FetchForward(m[0], x);
    ExpectClean();
    ExpectForward(whole, x);
  }
}

TEST_F(AttentionSimtTest, ZeroQueriesGiveZeros) {
  Begin(1);
  const AttentionCase c = {.q_len = 5, .kv_len = 40, .head_dim = 16};
  const AttentionTensors x(c, 1);
  for (int64_t i = 0; i < c.q_len * c.head_dim; ++i) {
    const_cast<HostTensor&>(x.q).Set(i, 0);
  }
  const Memory m = Prepare(c, x);
  cuda::LaunchAttentionForwardSimt(stream(), Forward(m));
  cuda::LaunchAttentionBackwardSimt(stream(), Backward(m));
  FetchForward(m, x);
  FetchBackward(m, x);
  ExpectClean();
  for (int64_t i = 0; i < c.q_len; ++i) {
    EXPECT_EQ(x.o.Get(i * c.head_dim), 0);
    EXPECT_NEAR(x.lse.Get(i), std::log(i + 1.0), 1e-6);
    EXPECT_EQ(x.dq.Get(i * c.head_dim), 0);
  }
}

TEST_F(AttentionSimtTest, HugeScoresDoNotOverflow) {
  Begin(1);
  const AttentionCase c = {.q_len = 33, .kv_len = 33, .head_dim = 8};
  const AttentionTensors x(c, 1, /*scale=*/100);
  const Memory m = Prepare(c, x);
  cuda::LaunchAttentionForwardSimt(stream(), Forward(m));
  FetchForward(m, x);
  ExpectClean();
  // |p| of 1e4 costs float32 digits of p, which exp() makes relative errors.
  ExpectForward(c, x, {.float32 = 5e-3});
}

}  // namespace
}  // namespace cogdist
