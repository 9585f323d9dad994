// Fused attention against the formulas in float64: outputs.

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

class AttentionForwardTest : public KernelTest {
 protected:
  void Check(const AttentionCase& c, uint64_t seed = 1) {
    SCOPED_TRACE(absl::StrCat(
        Name(c.dtype), " batch ", c.batch, " q ", c.q_len, " kv ", c.kv_len,
        " heads ", c.heads, "/", c.kv_heads, " dim ", c.head_dim, " causal ",
        c.causal, " cog ", c.kind == AttentionKind::kCog));
    const AttentionTensors x(c, seed);
    AttentionForward(stream_, x.ForwardArgs(c));
    ExpectForward(c, x);
  }
  void CheckBothKindsAndTypes(AttentionCase c) {
    for (const AttentionKind kind :
         {AttentionKind::kCog, AttentionKind::kSoftmax}) {
      for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
        c.kind = kind;
        c.dtype = dtype;
        Check(c);
      }
    }
  }
};

TEST_F(AttentionForwardTest, LengthsAroundTheTiles) {
  for (const int64_t n : {1, 2, 3, 63, 64, 65, 127, 128, 129, 300}) {
    CheckBothKindsAndTypes({.q_len = n, .kv_len = n, .head_dim = 16});
  }
}

TEST_F(AttentionForwardTest, HeadDims) {
  for (const int64_t dim : {8, 10, 16, 62, 80, 128, 192, 256}) {
    CheckBothKindsAndTypes({.q_len = 70, .kv_len = 70, .head_dim = dim});
  }
}

TEST_F(AttentionForwardTest, EveryTarget) {
  ForEachTarget([&] {
    CheckBothKindsAndTypes({.batch = 2,
                            .q_len = 150,
                            .kv_len = 150,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 24});
  });
}

TEST_F(AttentionForwardTest, FullMaskAndOtherLengths) {
  for (const int64_t q_len : {1, 5, 64, 130}) {
    for (const int64_t kv_len : {1, 17, 128, 257, 400}) {
      CheckBothKindsAndTypes({.q_len = q_len,
                              .kv_len = kv_len,
                              .heads = 2,
                              .head_dim = 16,
                              .causal = false});
    }
  }
}

// One tile of queries on many keys: the keys are taken in parts and merged.
TEST_F(AttentionForwardTest, Decoding) {
  for (const auto& [q_len, kv_len] :
       {std::pair(1, 2500), {1, 1025}, {33, 1030}}) {
    for (const bool causal : {true, false}) {
      CheckBothKindsAndTypes({.batch = 5,
                              .q_len = q_len,
                              .kv_len = kv_len,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 8,
                              .causal = causal,
                              .query_offset = kv_len - q_len});
    }
  }
}

TEST_F(AttentionForwardTest, OffsetsAndRowsWithoutKeys) {
  for (const int64_t offset : {-200, -70, -1, 0, 1, 63, 64, 200}) {
    CheckBothKindsAndTypes({.q_len = 100,
                            .kv_len = 260,
                            .head_dim = 16,
                            .query_offset = 1000 + offset,
                            .key_offset = 1000});
  }
}

TEST_F(AttentionForwardTest, Documents) {
  for (const bool causal : {true, false}) {
    CheckBothKindsAndTypes({.batch = 2,
                            .q_len = 420,
                            .kv_len = 420,
                            .heads = 2,
                            .head_dim = 16,
                            .causal = causal,
                            .query_offset = 7,
                            .key_offset = 7,
                            .document_start = RandomDocuments(2, 420, 7)});
  }
}

}  // namespace
}  // namespace cogdist
