// Fused attention: hand-derived values, edge cases, and properties that hold
// whatever the inputs.

#include "kernels/cog_attention.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "runtime/meta/meta_device.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

using ::testing::Each;

class AttentionTest : public KernelTest {
 protected:
  void RunBoth(const AttentionCase& c, const AttentionTensors& x) {
    AttentionForward(stream_, x.ForwardArgs(c));
    AttentionBackward(stream_, x.BackwardArgs(c));
  }
  // Calls f for both kinds and both types.
  void ForEachVariant(AttentionCase c,
                      const std::function<void(const AttentionCase&)>& f) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      for (const AttentionKind kind :
           {AttentionKind::kCog, AttentionKind::kSoftmax}) {
        SCOPED_TRACE(
            absl::StrCat(Name(dtype), " cog ", kind == AttentionKind::kCog));
        c.dtype = dtype;
        c.kind = kind;
        f(c);
      }
    }
  }
};

void Fill(const HostTensor& x, double value) {
  for (int64_t i = 0; i < x.view().num_elements(); ++i) {
    const_cast<HostTensor&>(x).Set(i, value);
  }
}

void ExpectZero(const HostTensor& x) { EXPECT_THAT(x.values(), Each(0.0)); }

// Scores 1, -2 and 1/2; values are unit vectors, so that o is a.
TEST_F(AttentionTest, HandDerivedValues) {
  const AttentionCase c = {.kv_len = 3, .head_dim = 8, .causal = false};
  AttentionTensors x(c);
  for (const HostTensor* t : {&x.q, &x.k, &x.v, &x.d_o}) Fill(*t, 0);
  const Doubles p = {1, -2, 0.5}, g = {1, 2, 3};
  x.q.Set(0, 1);
  for (int64_t j = 0; j < 3; ++j) {
    x.k.Set(8 * j, p[j]);
    x.v.Set(8 * j + j, 1);
    x.d_o.Set(j, g[j]);
  }
  AttentionForwardArgs forward = x.ForwardArgs(c);
  AttentionBackwardArgs backward = x.BackwardArgs(c);
  forward.scale = backward.scale = 1;
  AttentionForward(stream_, forward);
  AttentionBackward(stream_, backward);
  const Doubles a = {0.2312238976, -0.6285317192, 0.1402443832};
  const Doubles dp = {0.3711389559, 0.8767348780, 0.5055959221};
  EXPECT_NEAR(x.lse.Get(0), 2.4643687841, 1e-6);
  for (int64_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(x.o.Get(j), a[j], 1e-6);
    EXPECT_NEAR(x.dk.Get(8 * j), dp[j], 1e-6);
    EXPECT_NEAR(x.dv.Get(8 * j), a[j], 1e-6);
  }
  EXPECT_NEAR(x.dq.Get(0), dp[0] - 2 * dp[1] + 0.5 * dp[2], 1e-6);
}

// sign(0) = 0, yet a zero score counts in the denominator.
TEST_F(AttentionTest, ZeroScores) {
  ForEachVariant({.q_len = 130, .kv_len = 130, .head_dim = 16},
                 [&](const AttentionCase& c) {
                   const AttentionTensors x(c);
                   Fill(x.q, 0);
                   RunBoth(c, x);
                   for (int64_t i = 0; i < c.q_len; ++i) {
                     EXPECT_NEAR(x.lse.Get(i), std::log(i + 1.0), 1e-5);
                   }
                   if (c.kind == AttentionKind::kSoftmax) return;
                   ExpectZero(x.o);
                   ExpectZero(x.dq);
                   ExpectZero(x.dk);
                   ExpectZero(x.dv);
                 });
}

// Keys that are zero in part: single zero scores among others.
TEST_F(AttentionTest, SomeZeroScores) {
  ForEachVariant({.q_len = 150, .kv_len = 150, .head_dim = 16},
                 [&](const AttentionCase& c) {
                   AttentionTensors x = TensorsForGradients(c);
                   for (int64_t j = 0; j < c.kv_len; j += 3) {
                     for (int64_t d = 0; d < 16; ++d) x.k.Set(16 * j + d, 0);
                   }
                   RunBoth(c, x);
                   ExpectForward(c, x);
                   ExpectBackward(c, x);
                   if (c.kind == AttentionKind::kSoftmax) return;
                   for (int64_t d = 0; d < 16; ++d) {
                     EXPECT_EQ(x.dk.Get(d), 0);
                     EXPECT_EQ(x.dv.Get(d), 0);
                   }
                 });
}

// Scores up to 1e4: nothing overflows; the exponent's rounding error is that of
// a float32 of this size.
TEST_F(AttentionTest, HugeScores) {
  ForEachVariant({.q_len = 200, .kv_len = 200, .head_dim = 64},
                 [&](const AttentionCase& c) {
                   const AttentionTensors x(c, 3, 50);
                   RunBoth(c, x);
                   double largest = 0;
                   for (const double lse : x.lse.values()) {
                     largest = std::max(largest, std::abs(lse));
                   }
                   EXPECT_GT(largest, 8e3);
                   ExpectForward(c, x, {.float32 = 1e-3, .lse = 1e-4});
                   for (const HostTensor* t : {&x.dq, &x.dk, &x.dv}) {
                     for (const double value : t->values()) {
                       EXPECT_TRUE(std::isfinite(value));
                     }
                   }
                 });
}

TEST_F(AttentionTest, OneVisibleKey) {
  ForEachVariant({.q_len = 80, .kv_len = 80, .head_dim = 16},
                 [&](AttentionCase c) {
                   for (int i = 0; i < 80; ++i) c.document_start.push_back(i);
                   const AttentionTensors x = TensorsForGradients(c);
                   RunBoth(c, x);
                   ExpectForward(c, x);
                   // w = 1 whatever the score: no gradient but dv.
                   for (const double dq : x.dq.values()) {
                     EXPECT_NEAR(dq, 0, 0.05);
                   }
                 });
}

TEST_F(AttentionTest, NoVisibleKeyAtAll) {
  for (const int64_t kv_len : {0, 70}) {
    ForEachVariant(
        {.batch = 2,
         .q_len = 70,
         .kv_len = kv_len,
         .heads = 2,
         .kv_heads = 2,
         .head_dim = 16,
         .key_offset = 100},
        [&](const AttentionCase& c) {
          const AttentionTensors x(c);
          for (const HostTensor* t : {&x.o, &x.dq, &x.dk, &x.dv, &x.lse}) {
            Fill(*t, 7);
          }
          RunBoth(c, x);
          ExpectZero(x.o);
          ExpectZero(x.dq);
          ExpectZero(x.dk);
          ExpectZero(x.dv);
          EXPECT_THAT(x.lse.values(),
                      Each(-std::numeric_limits<double>::infinity()));
        });
  }
}

// A bad number must reach the loss, where the step is skipped.
TEST_F(AttentionTest, NanReachesTheOutput) {
  ForEachVariant({.q_len = 70, .kv_len = 70, .head_dim = 16},
                 [&](const AttentionCase& c) {
                   for (const int which : {0, 1, 2}) {
                     AttentionTensors x(c);
                     HostTensor& t = which == 0 ? x.q : which == 1 ? x.k : x.v;
                     t.Set(0, std::numeric_limits<double>::quiet_NaN());
                     RunBoth(c, x);
                     EXPECT_TRUE(std::isnan(x.o.Get(0))) << which;
                     EXPECT_TRUE(std::isnan(x.dq.Get(0))) << which;
                   }
                 });
}

// The fused projection of a layer: q, k, v are slices of its rows.
TEST_F(AttentionTest, StridedInputsAndOutputs) {
  ForEachVariant(
      {.batch = 2,
       .q_len = 90,
       .kv_len = 90,
       .heads = 4,
       .kv_heads = 2,
       .head_dim = 24},
      [&](const AttentionCase& c) {
        const AttentionTensors x(c);
        RunBoth(c, x);
        HostTensor fused(c.dtype, {2, 90, 8, 24});
        HostTensor gradient(DType::kFloat32, {2, 90, 8, 24});
        const auto slice = [](const HostTensor& t, int64_t begin, int64_t n) {
          return t.view().Slice(2, begin, n);
        };
        for (int64_t i = 0; i < 2 * 90 * 24; ++i) {
          const int64_t row = i / 24, d = i % 24;
          for (int64_t h = 0; h < 8; ++h) {
            const double value = h < 4   ? x.q.Get((row * 4 + h) * 24 + d)
                                 : h < 6 ? x.k.Get((row * 2 + h - 4) * 24 + d)
                                         : x.v.Get((row * 2 + h - 6) * 24 + d);
            fused.Set((row * 8 + h) * 24 + d, value);
          }
        }
        const AttentionTensors y(c);
        AttentionForwardArgs forward = y.ForwardArgs(c);
        AttentionBackwardArgs backward = y.BackwardArgs(c);
        forward.q = backward.q = slice(fused, 0, 4);
        forward.k = backward.k = slice(fused, 4, 2);
        forward.v = backward.v = slice(fused, 6, 2);
        backward.dq = slice(gradient, 0, 4);
        backward.dk = slice(gradient, 4, 2);
        backward.dv = slice(gradient, 6, 2);
        AttentionForward(stream_, forward);
        AttentionBackward(stream_, backward);
        EXPECT_EQ(y.o.values(), x.o.values());
        EXPECT_EQ(y.lse.values(), x.lse.values());
        for (int64_t row = 0; row < 180; ++row) {
          for (int64_t d = 0; d < 24; ++d) {
            EXPECT_EQ(gradient.Get((row * 8 + 3) * 24 + d),
                      x.dq.Get((row * 4 + 3) * 24 + d));
            EXPECT_EQ(gradient.Get((row * 8 + 5) * 24 + d),
                      x.dk.Get((row * 2 + 1) * 24 + d));
            EXPECT_EQ(gradient.Get((row * 8 + 7) * 24 + d),
                      x.dv.Get((row * 2 + 1) * 24 + d));
          }
        }
      });
}

TEST_F(AttentionTest, SameBitsForAnyThreadCount) {
  for (const int64_t q_len : {1, 40, 500}) {
    ForEachVariant({.batch = 2,
                    .q_len = q_len,
                    .kv_len = 1500,
                    .heads = 2,
                    .head_dim = 16,
                    .query_offset = 1000},
                   [&](const AttentionCase& c) {
                     const AttentionTensors x(c);
                     ExpectSameBitsForAnyThreadCount([&] {
                       RunBoth(c, x);
                       return BytesOf({&x.o, &x.lse, &x.dq, &x.dk, &x.dv});
                     });
                   });
  }
}

// Keys in three parts, one of them out of sight for some queries.
TEST_F(AttentionTest, SplitKeysMergeToTheWhole) {
  ForEachVariant(
      {.batch = 2,
       .q_len = 60,
       .kv_len = 300,
       .heads = 2,
       .kv_heads = 1,
       .head_dim = 16,
       .query_offset = 230},
      [&](const AttentionCase& c) {
        const AttentionTensors x(c);
        AttentionForward(stream_, x.ForwardArgs(c));
        HostTensor o(DType::kFloat32, c.q_shape());
        HostTensor lse(DType::kFloat32, c.lse_shape());
        int64_t begin = 0;
        for (const int64_t end : {100, 250, 300}) {
          HostTensor part_o(DType::kFloat32, c.q_shape());
          HostTensor part_lse(DType::kFloat32, c.lse_shape());
          AttentionForwardArgs part = x.ForwardArgs(c);
          part.o = begin == 0 ? o : part_o;
          part.lse = begin == 0 ? lse : part_lse;
          part.k = x.k.view().Slice(1, begin, end - begin);
          part.v = x.v.view().Slice(1, begin, end - begin);
          part.mask.key_offset = begin;
          AttentionForward(stream_, part);
          if (begin > 0) {
            AttentionMerge(
                stream_,
                {.o = o, .lse = lse, .other_o = part_o, .other_lse = part_lse});
          }
          begin = end;
        }
        const double tolerance = c.dtype == DType::kFloat32 ? 1e-5 : 1e-2;
        EXPECT_LE(RelativeError(o.values(), x.o.values()), tolerance);
        EXPECT_LE(RelativeError(lse.values(), x.lse.values()), 1e-6);
      });
}

TEST_F(AttentionTest, MergeOfRowsWithoutKeys) {
  const float kNone = -std::numeric_limits<float>::infinity();
  std::vector<float> o = {1, 2, 0, 0, 0, 0}, other_o = {0, 0, 3, 4, 0, 0};
  std::vector<float> lse = {0.5f, kNone, kNone}, other = {kNone, 1.5f, kNone};
  AttentionMerge(stream_,
                 {.o = TensorView::Of(o.data(), {1, 3, 1, 2}),
                  .lse = TensorView::Of(lse.data(), {1, 1, 3}),
                  .other_o = TensorView::Of(other_o.data(), {1, 3, 1, 2}),
                  .other_lse = TensorView::Of(other.data(), {1, 1, 3})});
  EXPECT_THAT(o, testing::ElementsAre(1, 2, 3, 4, 0, 0));
  EXPECT_THAT(lse, testing::ElementsAre(0.5f, 1.5f, kNone));
}

// Central differences of the float64 formulas, away from zero crossings.
TEST_F(AttentionTest, GradientsAgreeWithFiniteDifferences) {
  ForEachVariant(
      {.q_len = 6, .kv_len = 6, .heads = 2, .kv_heads = 1, .head_dim = 8},
      [&](const AttentionCase& c) {
        uint64_t seed = 1;
        while (AttentionTensors(c, seed).Reference(c).LeastScore() < 5e-3) {
          ++seed;
        }
        const AttentionTensors x(c, seed);
        RunBoth(c, x);
        const Doubles d_o = x.d_o.values();
        const Doubles inputs[3] = {x.q.values(), x.k.values(), x.v.values()};
        const Doubles gradients[3] = {x.dq.values(), x.dk.values(),
                                      x.dv.values()};
        const auto loss = [&](const Doubles(&in)[3]) {
          const AttentionReference r(c, in[0], in[1], in[2]);
          double sum = 0;
          for (int64_t h = 0; h < 2; ++h) {
            for (int64_t i = 0; i < 6; ++i) {
              const Doubles o = r.Output(r.Row(0, i, h, 0), 0, h);
              sum += AttentionReference::Dot(
                  o.data(), &d_o[r.QueryIndex(0, i, h)], c.head_dim);
            }
          }
          return sum;
        };
        for (int t = 0; t < 3; ++t) {
          Doubles differences(inputs[t].size());
          for (size_t i = 0; i < differences.size(); ++i) {
            constexpr double kStep = 1e-6;
            Doubles moved[3] = {inputs[0], inputs[1], inputs[2]};
            moved[t][i] += kStep;
            const double above = loss(moved);
            moved[t][i] -= 2 * kStep;
            differences[i] = (above - loss(moved)) / (2 * kStep);
          }
          EXPECT_LE(RelativeError(gradients[t], differences),
                    c.dtype == DType::kFloat32 ? 5e-5 : 1e-2)
              << "input " << t;
        }
      });
}

// No q_len x kv_len buffer: the scratch memory of 32k tokens is at most linear
// in that of 4k.
TEST_F(AttentionTest, WorkspaceIsLinearInTheLength) {
  // A meta device reserves memory and computes nothing.
  const auto workspace = [](int64_t length, DType dtype) {
    MetaDevice device;
    const std::unique_ptr<Stream> stream = device.CreateStream();
    const TensorView x(nullptr, dtype, {2, length, 4, 64});
    const TensorView lse(nullptr, DType::kFloat32, {2, 4, length});
    AttentionForward(
        *stream, {.o = x, .lse = lse, .q = x, .k = x, .v = x, .scale = 0.125f});
    const int64_t forward = stream->workspace_bytes();
    AttentionBackward(*stream, {.dq = x,
                                .dk = x,
                                .dv = x,
                                .d_o = x,
                                .o = x,
                                .lse = lse,
                                .q = x,
                                .k = x,
                                .v = x,
                                .scale = 0.125f});
    return std::pair(forward, stream->workspace_bytes());
  };
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const auto [forward, backward] = workspace(32768, dtype);
    const auto [long_forward, long_backward] = workspace(65536, dtype);
    EXPECT_LE(long_forward, 2.1 * forward);
    EXPECT_LE(long_backward, 2.1 * backward);
    EXPECT_LE(backward, int64_t{32768} * 64 * 32);
  }
}

TEST_F(AttentionTest, NothingIsAllocatedOnceWarm) {
  const AttentionCase c = {.q_len = 200, .kv_len = 200, .head_dim = 64};
  const AttentionTensors x(c);
  RunBoth(c, x);
  const int64_t bytes = device_.memory().peak_bytes;
  RunBoth(c, x);
  EXPECT_EQ(device_.memory().peak_bytes, bytes);
}

TEST_F(AttentionTest, BadShapesAreCaught) {
  const AttentionCase c = {.q_len = 4, .kv_len = 4, .head_dim = 8};
  const AttentionTensors x(c);
  AttentionForwardArgs args = x.ForwardArgs(c);
  args.scale = 0;
  EXPECT_DEATH(AttentionForward(stream_, args), "scale must be positive");
  args = x.ForwardArgs(c);
  args.v = args.v.Slice(1, 0, 3);
  EXPECT_DEATH(AttentionForward(stream_, args), "float32\\[1, 3, 1, 8\\]");
  args = x.ForwardArgs(c);
  args.q = args.o = args.q.Slice(3, 0, 7);
  EXPECT_DEATH(AttentionForward(stream_, args), "head_dim|CHECK");
}

}  // namespace
}  // namespace cogdist
