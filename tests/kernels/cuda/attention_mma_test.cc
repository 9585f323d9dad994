#include "tests/kernels/cuda/attention_test.h"

namespace cogdist {
namespace {

class AttentionMmaTest : public AttentionGpuTest {
 protected:
  // One time in three; rows stay aligned.
  void DrawGaps(uint64_t seed) {
    CaseDice dice(seed + 600);
    gaps_ = {};
    if (dice.Between(0, 2) != 0) return;
    gaps_ = {.head = 8 * dice.Between(0, 2),
             .row = 8 * dice.Between(1, 20),
             .sequence = 8 * dice.Between(0, 3)};
  }
  void RunForward(const AttentionCase& c, const AttentionTensors& x) {
    const Memory m = Prepare(c, x);
    ASSERT_TRUE(cuda::FitsAttentionMma(Forward(m)));
    cuda::LaunchAttentionForwardMma(stream(), Forward(m));
    FetchForward(m, x);
    ExpectClean();
  }
  void RunBoth(const AttentionCase& c, const AttentionTensors& x) {
    const Memory m = Prepare(c, x);
    ASSERT_TRUE(cuda::FitsAttentionMma(Backward(m)));
    cuda::LaunchAttentionForwardMma(stream(), Forward(m));
    cuda::LaunchAttentionBackwardMma(stream(), Backward(m));
    FetchBackward(m, x);
    ExpectClean();
    ExpectBackward(c, x);
  }
};

// Tiles are 128 queries and 64 or 32 keys: up to five or ten tiles of keys.
TEST_F(AttentionMmaTest, Forward) {
  for (int seed = 0; seed < SomeSeeds(30); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c = Draw(seed, {1, 33, 64, 130, 200}, {64, 64, 64, 128});
    if (c.kv_len == 200) c.kv_len = 290;
    DrawGaps(seed);
    c.dtype = DType::kBFloat16;
    const AttentionTensors x(c, seed + 1);
    RunForward(c, x);
    ExpectForward(c, x, {.lse = 1e-5});
  }
  EXPECT_EQ(emulator_.stats().ldmatrix_conflicts, 0);
}

// After the forward pass, whose o is rounded to bfloat16.
TEST_F(AttentionMmaTest, Backward) {
  for (int seed = 0; seed < SomeSeeds(30); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c = Draw(seed, {1, 33, 64, 130, 200}, {64, 64, 64, 128});
    c.dtype = DType::kBFloat16;
    DrawGaps(seed);
    RunBoth(c, TensorsForGradients(c, seed + 1));
  }
  EXPECT_EQ(emulator_.stats().ldmatrix_conflicts, 0);
}

TEST_F(AttentionMmaTest, BackwardOfKeysAmongDocuments) {
  Begin(1);
  AttentionCase c = KeysAmongDocuments(64);
  c.dtype = DType::kBFloat16;
  RunBoth(c, TensorsForGradients(c));
}

TEST_F(AttentionMmaTest, ZeroQueriesGiveZeros) {
  Begin(1);
  const AttentionCase c = {
      .q_len = 5, .kv_len = 40, .head_dim = 64, .dtype = DType::kBFloat16};
  AttentionTensors x(c, 1);
  for (int64_t i = 0; i < c.q_len * c.head_dim; ++i) x.q.Set(i, 0);
  RunForward(c, x);
  for (int64_t i = 0; i < c.q_len; ++i) {
    EXPECT_EQ(x.o.Get(i * c.head_dim), 0);
    EXPECT_NEAR(x.lse.Get(i), std::log(i + 1.0), 1e-5);
  }
}

TEST_F(AttentionMmaTest, HugeScoresDoNotOverflow) {
  Begin(1);
  const AttentionCase c = {
      .q_len = 200, .kv_len = 200, .head_dim = 64, .dtype = DType::kBFloat16};
  const AttentionTensors x(c, 1, /*scale=*/30);
  RunForward(c, x);
  ExpectForward(c, x);
}

}  // namespace
}  // namespace cogdist
