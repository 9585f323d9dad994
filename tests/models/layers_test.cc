// Every layer against the float64 network: values, and gradients by central
// differences of the reference.

#include <memory>

#include "gtest/gtest.h"
#include "kernels/rope.h"
#include "models/attention.h"
#include "models/block.h"
#include "models/embedding.h"
#include "models/lm_head.h"
#include "models/mlp.h"
#include "models/norm.h"
#include "tests/models/layer_harness.h"

namespace cogdist {
namespace {

constexpr int64_t kBatch = 2, kSeq = 7, kRows = kBatch * kSeq;
constexpr int64_t kHidden = 24, kHeadDim = 6, kHeads = 4, kFfn = 20;
constexpr double kEps = 1e-6, kTheta = 100;

class LayersTest : public testing::Test {
 protected:
  // y and dx of a layer whose forward and backward passes are given, compared
  // with `reference`; then the gradients of sum(r * y) for a random r.
  using Reference = std::function<reference::Matrix(const reference::Weights&,
                                                    const reference::Matrix&)>;
  void Compare(TensorView x, TensorView y, TensorView dx, TensorView dy,
               const Reference& reference) {
    reference::Weights weights = harness_.ReferenceWeights();
    reference::Matrix input = harness_.ToReference(x);
    const reference::Matrix r = harness_.ToReference(dy);
    EXPECT_LE(Distance(harness_.ToReference(y), reference(weights, input)),
              2e-5);
    const auto loss = [&] { return Dot(r, reference(weights, input)); };
    ExpectGradient(input, harness_.ToReference(dx), loss, "dx");
    ExpectParamGradients(weights, harness_.Gradients(), loss);
  }

  ShardedRows Whole(TensorView x) {
    return WithRoomForAll(harness_.Context(), x);
  }

  TensorView Random(int64_t rows, int64_t cols) {
    return harness_.Random(rows, cols, ++seed_);
  }

  SequenceLayout Layout(std::vector<int32_t>* document_start = nullptr) {
    rope_table_ = RopeTable(kSeq, kHeadDim, kTheta);
    SequenceLayout layout = {.batch = kBatch,
                             .seq = kSeq,
                             .rope_table = TensorView::Of(
                                 rope_table_.data(), {2, kSeq, kHeadDim / 2})};
    if (document_start != nullptr) {
      layout.document_start =
          TensorView::Of(document_start->data(), {kBatch, kSeq});
    }
    return layout;
  }

  static reference::Network Network(int64_t kv_heads) {
    return {.hidden = kHidden,
            .heads = kHeads,
            .kv_heads = kv_heads,
            .head_dim = kHeadDim,
            .theta = kTheta,
            .eps = kEps,
            .seq = kSeq};
  }

  static Attention::Config AttentionConfig(int64_t kv_heads,
                                           AttentionKind kind) {
    return {.hidden = kHidden,
            .heads = kHeads,
            .kv_heads = kv_heads,
            .head_dim = kHeadDim,
            .kind = kind,
            .init_std = 0.4,
            .output_init_std = 0.3};
  }

  void TestAttention(int64_t kv_heads, AttentionKind kind,
                     std::vector<int32_t> document_start = {});
  void TestBlock(Recompute recompute);

  LayerHarness harness_;
  uint64_t seed_ = 0;
  std::vector<float> rope_table_;
};

TEST_F(LayersTest, LinearAddsToItsGradient) {
  ParamStore& params = harness_.params();
  const Linear linear({params, params.AddUnit("u")},
                      {{"a", {5, kHidden}}, {"b", {3, kHidden}}}, 0.5);
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), y = Random(kRows, 8);
  const TensorView dy = Random(kRows, 8), dx = Random(kRows, kHidden);
  linear.Forward(harness_.Context(), y, x);
  linear.InputGradient(harness_.Context(), dx, dy);
  linear.WeightGradient(harness_.Context(), dy, x);
  Compare(x, y, dx, dy,
          [&](const reference::Weights& w, const reference::Matrix& in) {
            reference::Matrix stacked(8, kHidden);
            std::copy(w.at("a").values.begin(), w.at("a").values.end(),
                      stacked.values.begin());
            std::copy(w.at("b").values.begin(), w.at("b").values.end(),
                      stacked.values.begin() + 5 * kHidden);
            return reference::Linear(in, stacked);
          });
  const reference::Weights once = harness_.Gradients();
  linear.WeightGradient(harness_.Context(), dy, x);
  for (const auto& [name, twice] : harness_.Gradients()) {
    for (size_t i = 0; i < twice.values.size(); ++i) {
      EXPECT_NEAR(twice.values[i], 2 * once.at(name).values[i], 1e-4);
    }
  }
}

TEST_F(LayersTest, RmsNorm) {
  ParamStore& params = harness_.params();
  const RmsNorm norm({params, params.AddUnit("u")}, "gain", kHidden, kEps);
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), y = Random(kRows, kHidden);
  const TensorView dy = Random(kRows, kHidden), dx = Random(kRows, kHidden);
  const TensorView rstd = Random(kRows, 1).Reshape({kRows});
  norm.Forward(harness_.Context(), y, rstd, x, {.x = x});
  norm.Backward(harness_.Context(), dx, dy, x, rstd, TensorView());
  Compare(x, y, dx, dy,
          [](const reference::Weights& w, const reference::Matrix& in) {
            return reference::RmsNorm(in, w.at("gain"), kEps);
          });
}

TEST_F(LayersTest, RmsNormAddsDeltaAndResidualGradient) {
  ParamStore& params = harness_.params();
  const RmsNorm norm({params, params.AddUnit("u")}, "gain", kHidden, kEps);
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), delta = Random(kRows, kHidden);
  const TensorView sum = Random(kRows, kHidden), y = Random(kRows, kHidden);
  const TensorView dy = Random(kRows, kHidden), d = Random(kRows, kHidden);
  const TensorView rstd = Random(kRows, 1).Reshape({kRows});
  const reference::Matrix past_the_norm = harness_.ToReference(d);
  norm.Forward(harness_.Context(), y, rstd, sum, {.x = x, .delta = delta});
  EXPECT_LE(Distance(harness_.ToReference(sum),
                     reference::Add(harness_.ToReference(x),
                                    harness_.ToReference(delta))),
            1e-7);
  norm.Backward(harness_.Context(), d, dy, sum, rstd, d);  // in place
  reference::Matrix input = harness_.ToReference(sum);
  const reference::Matrix r = harness_.ToReference(dy);
  const reference::Weights w = harness_.ReferenceWeights();
  ExpectGradient(
      input, harness_.ToReference(d),
      [&] {
        return Dot(r, reference::RmsNorm(input, w.at("gain"), kEps)) +
               Dot(past_the_norm, input);
      },
      "d");
}

TEST_F(LayersTest, Mlp) {
  ParamStore& params = harness_.params();
  const Mlp mlp({params, params.AddUnit("u")}, "mlp",
                {.hidden = kHidden,
                 .ffn = kFfn,
                 .init_std = 0.4,
                 .output_init_std = 0.3});
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), y = Random(kRows, kHidden);
  const TensorView dy = Random(kRows, kHidden), dx = Random(kRows, kHidden);
  const Mlp::Saved saved = mlp.Forward(harness_.Context(), y, Whole(x));
  mlp.Backward(harness_.Context(), dx, dy, Whole(x), saved);
  Compare(x, y, dx, dy,
          [](const reference::Weights& w, const reference::Matrix& in) {
            return reference::Mlp(w, "mlp", in);
          });
}

void LayersTest::TestAttention(int64_t kv_heads, AttentionKind kind,
                               std::vector<int32_t> document_start) {
  ParamStore& params = harness_.params();
  const Attention attention({params, params.AddUnit("u")}, "self_attn",
                            AttentionConfig(kv_heads, kind));
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), y = Random(kRows, kHidden);
  const TensorView dy = Random(kRows, kHidden), dx = Random(kRows, kHidden);
  const SequenceLayout layout =
      Layout(document_start.empty() ? nullptr : &document_start);
  const Attention::Saved saved =
      attention.Forward(harness_.Context(), y, Whole(x), layout);
  attention.Backward(harness_.Context(), dx, dy, Whole(x), saved, layout);
  reference::Network network = Network(kv_heads);
  network.document_start = document_start;
  const bool cog = kind == AttentionKind::kCog;
  Compare(x, y, dx, dy,
          [&](const reference::Weights& w, const reference::Matrix& in) {
            return reference::Attention(network, cog, w, "self_attn", in);
          });
}

TEST_F(LayersTest, CogAttention) { TestAttention(kHeads, AttentionKind::kCog); }

TEST_F(LayersTest, SoftmaxAttention) {
  TestAttention(kHeads, AttentionKind::kSoftmax);
}

TEST_F(LayersTest, GroupedQueryAttention) {
  TestAttention(2, AttentionKind::kCog);
}

TEST_F(LayersTest, MultiQueryAttention) {
  TestAttention(1, AttentionKind::kSoftmax);
}

TEST_F(LayersTest, DocumentMaskedAttention) {
  TestAttention(kHeads, AttentionKind::kCog,
                {0, 0, 0, 3, 3, 5, 5, 0, 1, 1, 1, 1, 1, 6});
}

void LayersTest::TestBlock(Recompute recompute) {
  ParamStore& params = harness_.params();
  const Block block(
      {params, params.AddUnit("u")}, "b",
      AttentionConfig(2, AttentionKind::kCog),
      {.hidden = kHidden, .ffn = kFfn, .init_std = 0.4, .output_init_std = 0.3},
      kEps);
  harness_.AllocateParams();
  const TensorView x = Random(kRows, kHidden), d = Random(kRows, kHidden);
  const reference::Matrix r = harness_.ToReference(d);
  const Block::Shared shared = {.delta = Random(kRows, kHidden),
                                .middle = Random(kRows, kHidden),
                                .normed = Random(kRows, kHidden)};
  const SequenceLayout layout = Layout();
  const Arena::Mark before = harness_.arena().mark();
  ResidualStream stream = {.x = x};
  const Block::Saved saved =
      block.Forward(harness_.Context(), stream, shared, layout, recompute);
  const reference::Matrix y = reference::Add(
      harness_.ToReference(stream.x), harness_.ToReference(stream.delta));
  block.Backward(harness_.Context(), d, saved, shared, layout);
  EXPECT_EQ(harness_.arena().mark(), before);

  reference::Weights weights = harness_.ReferenceWeights();
  reference::Matrix input = harness_.ToReference(x);
  const auto forward = [&] {
    return reference::Block(Network(2), true, weights, "b", input);
  };
  EXPECT_LE(Distance(y, forward()), 2e-5);
  const auto loss = [&] { return Dot(r, forward()); };
  ExpectGradient(input, harness_.ToReference(d), loss, "d");
  ExpectParamGradients(weights, harness_.Gradients(), loss);
}

TEST_F(LayersTest, BlockThatKeepsEverything) { TestBlock(Recompute::kNothing); }
TEST_F(LayersTest, BlockThatRecomputesSelectively) {
  TestBlock(Recompute::kSelective);
}
TEST_F(LayersTest, BlockThatRecomputesAll) { TestBlock(Recompute::kBlock); }

TEST_F(LayersTest, Embedding) {
  ParamStore& params = harness_.params();
  const TokenEmbedding embedding({params, params.AddUnit("u")}, 11, kHidden, 1);
  harness_.AllocateParams();
  std::vector<int32_t> ids = {3, 0, 10, 3, 3, 7, 1, 10, 2, 2, 5, 3, 9, 4};
  const TensorView y = Random(kRows, kHidden), dy = Random(kRows, kHidden);
  const TensorView id_view = TensorView::Of(ids.data(), {kRows});
  embedding.Forward(harness_.Context(), y, id_view);
  embedding.Backward(harness_.Context(), dy, id_view);
  reference::Weights w = harness_.ReferenceWeights();
  const reference::Matrix& table = w.at("model.embed_tokens.weight");
  EXPECT_EQ(harness_.ToReference(y).values,
            reference::Embedding(table, ids).values);
  const reference::Matrix r = harness_.ToReference(dy);
  ExpectParamGradients(w, harness_.Gradients(), [&] {
    return Dot(r, reference::Embedding(table, ids));
  });
}

TEST_F(LayersTest, LmHead) {
  constexpr int64_t kVocab = 13;
  ParamStore& params = harness_.params();
  const LmHead head(
      {params, params.AddUnit("u")},
      {.vocab = kVocab, .hidden = kHidden, .norm_eps = kEps, .init_std = 0.5});
  harness_.AllocateParams();
  std::vector<int32_t> targets = {3, 0, 12, 3, -1, 7, 1, 10, 2, 2, 5, -1, 9, 4};
  const TensorView x = Random(kRows, kHidden), delta = Random(kRows, kHidden);
  const TensorView dx = Random(kRows, kHidden);
  const TensorView loss = Random(kRows, 1).Reshape({kRows});
  head.Loss(harness_.Context(),
            {.loss = loss,
             .dx = dx,
             .stream = {.x = x, .delta = delta},
             .targets = TensorView::Of(targets.data(), {kRows}),
             .gradient_scale = 0.25f});
  reference::Weights w = harness_.ReferenceWeights();
  reference::Matrix sum =
      reference::Add(harness_.ToReference(x), harness_.ToReference(delta));
  const auto losses = [&] {
    return reference::Losses(Network(kHeads), sum, w.at("model.norm.weight"),
                             w.at("lm_head.weight"), targets);
  };
  const std::vector<double> expected = losses();
  for (int64_t r = 0; r < kRows; ++r) {
    EXPECT_NEAR(loss.Data<float>()[r], expected[r], 2e-5);
  }
  const auto scaled = [&] {
    double total = 0;
    for (const double l : losses()) total += 0.25 * l;
    return total;
  };
  ExpectGradient(sum, harness_.ToReference(dx), scaled, "dx");
  ExpectParamGradients(w, harness_.Gradients(), scaled);
}

}  // namespace
}  // namespace cogdist
