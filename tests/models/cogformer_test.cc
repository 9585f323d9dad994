// The whole network against the float64 one, and its passes against each other.

#include "models/cogformer.h"

#include <numeric>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/cost.h"
#include "tests/models/layer_harness.h"

namespace cogdist {
namespace {

constexpr int64_t kBatch = 2, kSeq = 6, kRows = kBatch * kSeq;
constexpr int64_t kLayers = 3, kVocab = 17;
constexpr float kScale = 0.125f;

CogformerConfig SmallConfig(bool tied) {
  CogformerConfig config;
  config.set_vocab_size(kVocab);
  config.set_num_layers(kLayers);
  config.set_hidden_size(16);
  config.set_num_heads(4);
  config.set_num_kv_heads(2);
  config.set_head_dim(6);
  config.set_ffn_size(12);
  config.set_max_seq_len(8);
  config.set_rope_theta(100);
  config.set_tie_embeddings(tied);
  config.set_init_std(0.5);
  config.mutable_attention()->add_softmax_layers(0);
  config.mutable_attention()->add_softmax_layers(-1);
  return config;
}

int64_t Registered(const ParamStore& params) {
  int64_t parameters = 0;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    parameters += tensor.range.count;
  }
  return parameters;
}

class CogformerTest : public testing::Test {
 protected:
  void Make(bool tied) {
    config_ = SmallConfig(tied);
    model_.emplace(config_, harness_.params());
    harness_.AllocateParams();
    ASSERT_TRUE(
        model_->AllocateTables(harness_.device(), harness_.stream()).ok());
    loss_ = harness_.Random(kRows, 1, 1).Reshape({kRows});
  }

  TokenBatch Batch() {
    return {.inputs = TensorView::Of(inputs_.data(), {kBatch, kSeq}),
            .targets = TensorView::Of(targets_.data(), {kBatch, kSeq})};
  }

  std::vector<double> ReferenceLosses(const reference::Weights& w) const {
    const reference::Network net = {.hidden = 16,
                                    .heads = 4,
                                    .kv_heads = 2,
                                    .head_dim = 6,
                                    .theta = 100,
                                    .seq = kSeq};
    const reference::Matrix& table = w.at("model.embed_tokens.weight");
    reference::Matrix x = reference::Embedding(table, inputs_);
    for (int64_t i = 0; i < kLayers; ++i) {
      const bool cog = i == 1;  // softmax in the first and the last layer
      x = reference::Block(net, cog, w, absl::StrCat("model.layers.", i), x);
    }
    const auto& output =
        config_.tie_embeddings() ? table : w.at("lm_head.weight");
    return reference::Losses(net, x, w.at("model.norm.weight"), output,
                             targets_);
  }

  void ExpectReferenceGradients() {
    reference::Weights weights = harness_.ReferenceWeights();
    ExpectParamGradients(weights, harness_.Gradients(), [&] {
      const std::vector<double> losses = ReferenceLosses(weights);
      return kScale * std::accumulate(losses.begin(), losses.end(), 0.0);
    });
  }

  CogformerChunk::ForwardArgs Args(Recompute recompute) {
    const SequenceLayout layout = model_->Layout(kBatch, kSeq);
    return {
        .batch = Batch(),
        .layout = layout,
        .loss = loss_,
        .gradient_scale = kScale,
        .recompute = recompute,
        .shared = model_->MakeShared(harness_.Context(), layout, recompute)};
  }
  // Forward and backward of one micro-batch.
  void Train(Recompute recompute, UnitHooks& hooks) {
    const ArenaScope scope(harness_.arena());
    const LayerContext ctx = harness_.Context();
    const CogformerChunk::ForwardArgs args = Args(recompute);
    const Arena::Mark before = harness_.arena().mark();
    CogformerChunk::Saved saved;
    model_->chunks()[0].Forward(ctx, args, hooks, saved);
    model_->chunks()[0].Backward(ctx, {.shared = args.shared}, hooks, saved);
    EXPECT_EQ(harness_.arena().mark(), before);
  }
  void Evaluate() {
    const ArenaScope scope(harness_.arena());
    const CogformerChunk::ForwardArgs args = Args(Recompute::kBlock);
    const Arena::Mark before = harness_.arena().mark();
    model_->chunks()[0].Evaluate(harness_.Context(), args, no_hooks_);
    EXPECT_EQ(harness_.arena().mark(), before);
  }

  std::vector<float> Loss() const {
    return {loss_.Data<float>(), loss_.Data<float>() + kRows};
  }

  LayerHarness harness_;
  UnitHooks no_hooks_;
  CogformerConfig config_;
  std::optional<Cogformer> model_;
  std::vector<int32_t> inputs_ = {3, 16, 0, 5, 5, 2, 9, 1, 3, 3, 12, 7};
  std::vector<int32_t> targets_ = {16, 0, 5, 5, 2, 11, 1, 3, -1, 12, 7, 4};
  TensorView loss_;
};

// Writes down what the passes say of the units.
class RecordingHooks : public UnitHooks {
 public:
  void Begin(ParamStore::UnitId unit, Pass /*pass*/) override {
    EXPECT_TRUE(in_use_.insert(unit).second);
  }
  void End(ParamStore::UnitId unit, Pass pass) override {
    EXPECT_EQ(in_use_.erase(unit), 1);
    (pass == Pass::kForward ? forward_ : backward_).push_back(unit);
    if (!ReadsWeights(pass)) without_weights_.push_back(unit);
  }
  ~RecordingHooks() override { EXPECT_TRUE(in_use_.empty()); }

  const std::vector<int>& forward() const { return forward_; }
  const std::vector<int>& backward() const { return backward_; }
  const std::vector<int>& without_weights() const { return without_weights_; }

 private:
  std::set<int> in_use_;
  std::vector<int> forward_, backward_, without_weights_;
};

TEST_F(CogformerTest, LossAndGradients) {
  Make(/*tied=*/false);
  RecordingHooks hooks;
  Train(Recompute::kNothing, hooks);
  // The head's backward pass comes with its forward pass.
  EXPECT_THAT(hooks.forward(), testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(hooks.backward(), testing::ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(hooks.without_weights(), testing::ElementsAre(0));
  const std::vector<double> expected =
      ReferenceLosses(harness_.ReferenceWeights());
  for (int64_t r = 0; r < kRows; ++r) {
    EXPECT_NEAR(Loss()[r], expected[r], 1e-4);
  }
  ExpectReferenceGradients();
}

TEST_F(CogformerTest, TiedEmbeddings) {
  Make(/*tied=*/true);
  RecordingHooks hooks;
  Train(Recompute::kNothing, hooks);
  EXPECT_THAT(hooks.backward(), testing::ElementsAre(4, 3, 2, 1, 0));
  EXPECT_EQ(harness_.ReferenceWeights().count("lm_head.weight"), 0);
  ExpectReferenceGradients();
}

TEST_F(CogformerTest, RecomputationChangesNoBit) {
  Make(/*tied=*/false);
  std::vector<std::vector<double>> gradients;
  for (const Recompute recompute :
       {Recompute::kNothing, Recompute::kSelective, Recompute::kBlock}) {
    const TensorView sums =
        harness_.params().gradients(harness_.params().all());
    harness_.stream().FillZero(sums.data, sums.bytes());
    Train(recompute, no_hooks_);
    gradients.emplace_back();
    for (const auto& [name, g] : harness_.Gradients()) {
      gradients.back().insert(gradients.back().end(), g.values.begin(),
                              g.values.end());
    }
  }
  EXPECT_EQ(gradients[0], gradients[1]);
  EXPECT_EQ(gradients[0], gradients[2]);
}

TEST_F(CogformerTest, EvaluateIsForwardAlone) {
  Make(/*tied=*/false);
  Train(Recompute::kNothing, no_hooks_);
  const std::vector<float> training = Loss();
  Evaluate();
  EXPECT_EQ(Loss(), training);
}

// Cross-entropy of `target` under one row of logits.
double LossOf(const float* logits, int32_t target) {
  double sum = 0;
  for (int64_t c = 0; c < kVocab; ++c) sum += std::exp(double{logits[c]});
  return std::log(sum) - logits[target];
}

TEST_F(CogformerTest, DecodingWithCachesGivesTheSameLogits) {
  Make(/*tied=*/false);
  targets_[8] = 2;  // every target counts here
  Evaluate();
  const std::vector<float> whole = Loss();

  // Each sequence: three tokens at once, then one at a time.
  const LayerContext ctx = harness_.Context();
  std::vector<KeyValueCache> caches = model_->MakeCaches(ctx, kBatch, kSeq);
  const TensorView logits = ctx.Float32({kBatch, kVocab});
  int64_t done = 0;
  for (const int64_t count : {3, 1, 1, 1}) {
    std::vector<int32_t> next;
    for (int64_t b = 0; b < kBatch; ++b) {
      const auto begin = inputs_.begin() + b * kSeq + done;
      next.insert(next.end(), begin, begin + count);
    }
    model_->Decode(ctx, TensorView::Of(next.data(), {kBatch, count}), caches,
                   logits);
    done += count;
    for (int64_t b = 0; b < kBatch; ++b) {
      const int64_t row = b * kSeq + done - 1;
      EXPECT_NEAR(LossOf(logits.Data<float>() + b * kVocab, targets_[row]),
                  whole[row], 1e-4)
          << "token " << row;
    }
  }
  EXPECT_EQ(caches[0].length, kSeq);
}

TEST_F(CogformerTest, ParameterCountsAgreeWithWhatIsRegistered) {
  Make(/*tied=*/false);
  EXPECT_EQ(Registered(harness_.params()), ParameterCount(config_));
  ParamStore tied_params;
  const CogformerConfig tied = SmallConfig(/*tied=*/true);
  const Cogformer model(tied, tied_params);
  EXPECT_EQ(Registered(tied_params), ParameterCount(tied));
  EXPECT_EQ(ParameterCount(config_) - ParameterCount(tied), kVocab * 16);
}

TEST(CostTest, FlopsPerToken) {
  const CogformerConfig config = SmallConfig(/*tied=*/true);
  // By hand: per block q, o 24 * 16 each, k, v 12 * 16 each, three of 12 * 16;
  // output 17 * 16.
  const int64_t matmul =
      3 * (2 * 24 * 16 + 2 * 12 * 16 + 3 * 12 * 16) + 17 * 16;
  EXPECT_EQ(MatMulParameterCount(config), matmul);
  EXPECT_EQ(TrainingFlopsPerToken(config, 8),
            6.0 * matmul + 12.0 * 3 * 4 * 6 * 4);
}

TEST(AttentionKindTest, NamedLayersKeepSoftmax) {
  const CogformerConfig config = SmallConfig(false);
  EXPECT_EQ(AttentionKindOfLayer(config, 0), AttentionKind::kSoftmax);
  EXPECT_EQ(AttentionKindOfLayer(config, 1), AttentionKind::kCog);
  EXPECT_EQ(AttentionKindOfLayer(config, 2), AttentionKind::kSoftmax);
}

}  // namespace
}  // namespace cogdist
