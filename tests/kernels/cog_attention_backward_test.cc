// Fused attention against the formulas in float64: gradients.

#include "absl/strings/str_cat.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

class AttentionBackwardTest : public KernelTest {
 protected:
  void Check(const AttentionCase& c) {
    SCOPED_TRACE(absl::StrCat(
        Name(c.dtype), " batch ", c.batch, " q ", c.q_len, " kv ", c.kv_len,
        " heads ", c.heads, "/", c.kv_heads, " dim ", c.head_dim, " causal ",
        c.causal, " cog ", c.kind == AttentionKind::kCog));
    const AttentionTensors x = TensorsForGradients(c);
    AttentionForward(stream_, x.ForwardArgs(c));
    AttentionBackward(stream_, x.BackwardArgs(c));
    ExpectBackward(c, x);
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

TEST_F(AttentionBackwardTest, LengthsAroundTheTiles) {
  for (const int64_t n : {1, 2, 3, 31, 33, 63, 64, 65, 127, 128, 129, 300}) {
    CheckBothKindsAndTypes({.q_len = n, .kv_len = n, .head_dim = 16});
  }
}

TEST_F(AttentionBackwardTest, HeadDims) {
  for (const int64_t dim : {8, 10, 16, 48, 62, 64, 80, 128, 256}) {
    CheckBothKindsAndTypes({.q_len = 70, .kv_len = 70, .head_dim = dim});
  }
}

TEST_F(AttentionBackwardTest, EveryTarget) {
  ForEachTarget([&] {
    CheckBothKindsAndTypes({.batch = 2,
                            .q_len = 90,
                            .kv_len = 90,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 24});
  });
}

TEST_F(AttentionBackwardTest, FullMaskAndOtherLengths) {
  for (const int64_t q_len : {1, 5, 64, 130}) {
    for (const int64_t kv_len : {1, 17, 128, 257}) {
      CheckBothKindsAndTypes({.q_len = q_len,
                              .kv_len = kv_len,
                              .heads = 2,
                              .head_dim = 16,
                              .causal = false});
    }
  }
}

TEST_F(AttentionBackwardTest, OffsetsAndRowsWithoutKeys) {
  for (const int64_t offset : {-70, -1, 0, 1, 64, 200}) {
    CheckBothKindsAndTypes({.q_len = 100,
                            .kv_len = 260,
                            .head_dim = 16,
                            .query_offset = 1000 + offset,
                            .key_offset = 1000});
  }
}

TEST_F(AttentionBackwardTest, Documents) {
  for (const bool causal : {true, false}) {
    CheckBothKindsAndTypes({.batch = 2,
                            .q_len = 300,
                            .kv_len = 300,
                            .heads = 2,
                            .head_dim = 16,
                            .causal = causal,
                            .query_offset = 7,
                            .key_offset = 7,
                            .document_start = RandomDocuments(2, 300, 7)});
  }
}

}  // namespace
}  // namespace cogdist
