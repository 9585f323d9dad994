// Fused attention on random shapes and masks against float64. 20 cases; the
// disabled test, which runs under the label `slow`, takes 200.

#include "absl/strings/str_cat.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

class AttentionRandomTest : public KernelTest {
 protected:
  void CheckSeed(uint64_t seed) {
    const AttentionCase c = RandomCase(Rng(seed, 77));
    SCOPED_TRACE(absl::StrCat("seed ", seed, " ", Name(c.dtype), " q ",
                              c.q_shape().ToString(), " kv ",
                              c.kv_shape().ToString(), " causal ", c.causal,
                              " offsets ", c.query_offset, " ", c.key_offset,
                              " documents ", !c.document_start.empty()));
    const AttentionTensors x = TensorsForGradients(c, seed);
    AttentionForward(stream_, x.ForwardArgs(c));
    ExpectForward(c, x);
    AttentionBackward(stream_, x.BackwardArgs(c));
    ExpectBackward(c, x);
  }

 private:
  static AttentionCase RandomCase(const Rng& rng) {
    auto below = [&, i = 0](int64_t n) mutable {
      return static_cast<int64_t>(rng.Below(n, i++));
    };
    AttentionCase c;
    c.batch = 1 + below(2);
    c.kv_heads = 1 + below(2);
    c.heads = c.kv_heads * (1 + below(3));
    c.head_dim = 8 + 2 * below(36);
    c.q_len = 1 + below(below(2) == 0 ? 20 : 200);
    c.kv_len = below(3) == 0 ? 1 + below(300) : c.q_len;
    c.kind = below(3) == 0 ? AttentionKind::kSoftmax : AttentionKind::kCog;
    c.dtype = below(2) == 0 ? DType::kFloat32 : DType::kBFloat16;
    c.causal = below(3) != 0;
    c.key_offset = below(2) * 50;
    c.query_offset = c.key_offset + below(4) * 30 - 30;
    if (below(3) == 0) {
      c.document_start = RandomDocuments(c.batch, c.q_len, c.query_offset);
    }
    return c;
  }
};

TEST_F(AttentionRandomTest, TwentyCases) {
  for (uint64_t seed = 0; seed < 20; ++seed) CheckSeed(seed);
}

TEST_F(AttentionRandomTest, DISABLED_TwoHundredCases) {
  for (uint64_t seed = 0; seed < 200; ++seed) CheckSeed(seed);
}

}  // namespace
}  // namespace cogdist
