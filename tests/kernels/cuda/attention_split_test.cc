#include "kernels/cuda/attention_split.h"

#include "tests/kernels/cuda/attention_test.h"

namespace cogdist {
namespace {

class AttentionSplitTest : public AttentionGpuTest {
 protected:
  // Few queries, anywhere among the keys or beyond them.
  static AttentionCase DrawDecoding(uint64_t seed,
                                    std::initializer_list<int64_t> head_dims) {
    AttentionCase c = Draw(seed, {1, 2, 17, 32}, head_dims);
    CaseDice dice(seed + 700);
    c.kv_len = dice.OneOf<int64_t>({1, 40, 130, 300, 450});
    c.query_offset = dice.Between(0, c.kv_len + 40);
    if (!c.document_start.empty()) {
      c.document_start = RandomDocuments(c.batch, c.q_len,
                                         static_cast<int32_t>(c.query_offset));
      for (int32_t& start : c.document_start) start /= 2;
    }
    return c;
  }

  // With so many splits, also more than there are tiles.
  cuda::AttentionForwardLaunch Split(const Memory& m, int64_t splits) {
    cuda::AttentionForwardLaunch args = Forward(m);
    args.splits = splits;
    args.partial = Allocate<float>(
        cuda::AttentionSplitFloats(m.problem, splits), "partial");
    return args;
  }
};

TEST_F(AttentionSplitTest, Simt) {
  for (int seed = 0; seed < SomeSeeds(15); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c = DrawDecoding(seed, {8, 20, 32, 40, 128, 256});
    c.dtype = CaseDice(seed + 500).FloatType();
    const AttentionTensors x(c, seed + 1);
    const Memory m = Prepare(c, x);
    cuda::LaunchAttentionForwardSimt(stream(), Split(m, 2 + seed % 5));
    FetchForward(m, x);
    ExpectClean();
    ExpectForward(c, x);
  }
}

TEST_F(AttentionSplitTest, Mma) {
  for (int seed = 0; seed < SomeSeeds(15); ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    AttentionCase c = DrawDecoding(seed, {64, 64, 128});
    c.dtype = DType::kBFloat16;
    const AttentionTensors x(c, seed + 1);
    const Memory m = Prepare(c, x);
    ASSERT_TRUE(cuda::FitsAttentionMma(Forward(m)));
    cuda::LaunchAttentionForwardMma(stream(), Split(m, 2 + seed % 5));
    FetchForward(m, x);
    ExpectClean();
    ExpectForward(c, x, {.lse = 1e-5});
  }
}

TEST_F(AttentionSplitTest, OfNoKeyIsZero) {
  Begin(1);
  AttentionCase c = {.q_len = 3, .kv_len = 300, .head_dim = 64};
  c.key_offset = 1000;  // all in the future
  c.dtype = DType::kBFloat16;
  const AttentionTensors x(c, 1);
  const Memory m = Prepare(c, x);
  for (const bool mma : {false, true}) {
    if (mma) {
      cuda::LaunchAttentionForwardMma(stream(), Split(m, 4));
    } else {
      cuda::LaunchAttentionForwardSimt(stream(), Split(m, 4));
    }
    FetchForward(m, x);
    ExpectClean();
    EXPECT_EQ(x.o.values(), Doubles(3 * 64));
    EXPECT_EQ(x.lse.Get(2), -std::numeric_limits<double>::infinity());
  }
}

cuda::AttentionProblem Decoding(int64_t batch, int64_t q_len, int64_t kv_len) {
  return {.batch = batch,
          .q_len = q_len,
          .kv_len = kv_len,
          .heads = 8,
          .kv_heads = 8,
          .head_dim = 64};
}

TEST(AttentionSplitsTest, FillTheMultiprocessors) {
  EXPECT_EQ(cuda::AttentionSplits(Decoding(1, 1, 1 << 20), 132), 33);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(4, 1, 1 << 20), 132), 8);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(4, 32, 1 << 20), 132), 8);
}

TEST(AttentionSplitsTest, OnlyWhereThatHelps) {
  // Keys for few ranges only, or for none.
  EXPECT_EQ(cuda::AttentionSplits(Decoding(1, 1, 512), 132), 4);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(1, 1, 100), 132), 1);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(1, 1, 0), 132), 1);
  // Blocks enough, many queries, no work.
  EXPECT_EQ(cuda::AttentionSplits(Decoding(32, 1, 1 << 20), 132), 1);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(1, 33, 1 << 20), 132), 1);
  EXPECT_EQ(cuda::AttentionSplits(Decoding(0, 1, 1 << 20), 132), 1);
  EXPECT_EQ(cuda::AttentionSplitFloats(Decoding(1, 1, 100), 1), 0);
}

}  // namespace
}  // namespace cogdist
