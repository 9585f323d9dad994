// Layers on tensor groups of threads against the same layers on one rank:
// values, gradients, and the bytes that are sent.

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/rope.h"
#include "models/cogformer.h"
#include "parallel/host_communicator.h"
#include "parallel/meta_transport.h"
#include "runtime/meta/meta_device.h"
#include "tests/models/layer_harness.h"
#include "tests/models/tensor_ranks.h"

namespace cogdist {
namespace {

using testing::RunTensorRanks;
using testing::TensorLayout;
using testing::TensorRank;
using testing::WholeResult;

constexpr int64_t kBatch = 2, kSeq = 7, kRows = kBatch * kSeq;
constexpr int64_t kHidden = 20, kHeadDim = 6, kFfn = 37, kVocab = 101;
constexpr double kEps = 1e-6;

using Body = std::function<void(TensorRank&)>;

void ExpectSame(const WholeResult& actual, const WholeResult& expected,
                double tolerance) {
  ASSERT_EQ(actual.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    const reference::Matrix& other = actual.tensors.at(name);
    ASSERT_EQ(other.values.size(), tensor.values.size()) << name;
    EXPECT_LE(Distance(other, tensor), tolerance) << name;
  }
}

// What a group sends in all, in units of the (t-1) * bytes of one [kRows,
// kHidden] activation that an all-gather or a reduce-scatter takes; an
// all-reduce takes two.
int64_t ActivationBytes(const TensorLayout& layout, int units) {
  return units * (layout.ranks - 1) * kRows * kHidden * SizeOf(layout.dtype);
}

std::string NameOf(const ::testing::TestParamInfo<TensorLayout>& info) {
  return absl::StrCat(info.param.ranks, "Ranks",
                      info.param.sequence_parallel ? "SequenceParallel" : "");
}

class TensorParallelTest : public ::testing::TestWithParam<TensorLayout> {
 protected:
  // `body` on the group and on one rank; the group sends so many units with and
  // without sequence parallelism.
  void Compare(const Body& body, int units, int sequence_parallel_units,
               int64_t more_bytes = 0) {
    Compare(layout(), body, units, sequence_parallel_units, more_bytes);
  }
  void Compare(const TensorLayout& layout, const Body& body, int units,
               int sequence_parallel_units, int64_t more_bytes = 0,
               double tolerance = 1e-5) {
    const WholeResult result = RunTensorRanks(layout, body);
    const WholeResult expected = RunTensorRanks({.dtype = layout.dtype}, body);
    ExpectSame(result, expected, tolerance);
    EXPECT_EQ(expected.bytes, 0);
    EXPECT_EQ(result.bytes,
              ActivationBytes(layout, layout.sequence_parallel
                                          ? sequence_parallel_units
                                          : units) +
                  more_bytes);
  }

  TensorLayout layout() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(
    Groups, TensorParallelTest,
    ::testing::Values(TensorLayout{1, true}, TensorLayout{2, false},
                      TensorLayout{2, true}, TensorLayout{3, false},
                      TensorLayout{3, true}, TensorLayout{4, false},
                      TensorLayout{4, true}),
    NameOf);

TEST_P(TensorParallelTest, ColumnParallelLinear) {
  const Body body = [](TensorRank& rank) {
    const ParamRegistry registry = rank.Registry();
    const ColumnParallelLinear linear(
        registry, {registry.RowShard("w", {kFfn, kHidden})}, 0.5);
    rank.AllocateParams();
    const ElementRange part = rank.Part(kFfn);
    const ShardedRows x = rank.ShardedInput("x", kRows, kHidden);
    const TensorView y = rank.Context().Activation(kRows, part.count);
    linear.Forward(rank.Context(), y, x);
    const TensorView dy = rank.InputColumns("dy", {kRows, kFfn}, part);
    const TensorView dx = rank.Held(kRows, kHidden);
    linear.Backward(rank.Context(), dx, dy, x);
    rank.OutputColumns("y", y, kFfn, part);
    rank.Output("dx", dx, kRows);
  };
  Compare(body, 2, 3);
}

TEST_P(TensorParallelTest, RowParallelLinear) {
  const Body body = [](TensorRank& rank) {
    const RowParallelLinear linear(
        rank.Registry(), {.name = "w", .shape = {kHidden, kFfn}}, 0.5);
    rank.AllocateParams();
    const ElementRange part = rank.Part(kFfn);
    const TensorView x = rank.InputColumns("x", {kRows, kFfn}, part);
    const TensorView y = rank.Held(kRows, kHidden);
    linear.Forward(rank.Context(), y, x);
    const TensorView dy = rank.Input("dy", kRows, kHidden);
    const TensorView dx = rank.Context().Activation(kRows, part.count);
    linear.Backward(rank.Context(), dx, dy, x);
    rank.Output("y", y, kRows);
    rank.OutputColumns("dx", dx, kFfn, part);
  };
  Compare(body, 2, 2);
}

TEST_P(TensorParallelTest, Mlp) {
  const Body body = [](TensorRank& rank) {
    const Mlp mlp(rank.Registry(), "mlp",
                  {.hidden = kHidden,
                   .ffn = kFfn,
                   .init_std = 0.4,
                   .output_init_std = 0.3});
    rank.AllocateParams();
    const ShardedRows x = rank.ShardedInput("x", kRows, kHidden);
    const TensorView y = rank.Held(kRows, kHidden);
    const Mlp::Saved saved = mlp.Forward(rank.Context(), y, x);
    const TensorView dx = rank.Held(kRows, kHidden);
    mlp.Backward(rank.Context(), dx, rank.Input("dy", kRows, kHidden), x,
                 saved);
    rank.Output("y", y, kRows);
    rank.Output("dx", dx, kRows);
  };
  Compare(body, 4, 5);
}

// Whole sequences on every rank, with the table that their positions need.
class Sequences {
 public:
  Sequences(int64_t batch, int64_t seq)
      : batch_(batch), seq_(seq), table_(RopeTable(seq, kHeadDim, 100)) {}
  SequenceLayout Layout() {
    return {
        .batch = batch_,
        .seq = seq_,
        .rope_table = TensorView::Of(table_.data(), {2, seq_, kHeadDim / 2})};
  }

 private:
  int64_t batch_, seq_;
  std::vector<float> table_;
};

Attention::Config AttentionConfig(int64_t heads, int64_t kv_heads) {
  return {.hidden = kHidden,
          .heads = heads,
          .kv_heads = kv_heads,
          .head_dim = kHeadDim,
          .kind = AttentionKind::kCog,
          .init_std = 0.4,
          .output_init_std = 0.3};
}

Body AttentionBody(int64_t heads, int64_t kv_heads) {
  return [=](TensorRank& rank) {
    const Attention attention(rank.Registry(), "self_attn",
                              AttentionConfig(heads, kv_heads));
    rank.AllocateParams();
    Sequences sequences(kBatch, kSeq);
    const SequenceLayout layout = sequences.Layout();
    const ShardedRows x = rank.ShardedInput("x", kRows, kHidden);
    const TensorView y = rank.Held(kRows, kHidden);
    const Attention::Saved saved =
        attention.Forward(rank.Context(), y, x, layout);
    const TensorView dx = rank.Held(kRows, kHidden);
    attention.Backward(rank.Context(), dx, rank.Input("dy", kRows, kHidden), x,
                       saved, layout);
    rank.Output("y", y, kRows);
    rank.Output("dx", dx, kRows);
  };
}

TEST_P(TensorParallelTest, Attention) { Compare(AttentionBody(12, 12), 4, 5); }

TEST_P(TensorParallelTest, AttentionWithKeyValueHeadsForGroupsOfQueries) {
  const int t = layout().ranks;
  Compare(AttentionBody(4 * t, 2 * t), 4, 5);
}

TEST_P(TensorParallelTest, AttentionWithOneKeyValueHeadOnAllRanks) {
  TensorLayout one_head = layout();
  one_head.kv_heads = 1;
  Compare(one_head, AttentionBody(12, 1), 4, 5);
}

TEST_P(TensorParallelTest, AttentionWithKeyValueHeadsOnTwoRanksEach) {
  if (layout().ranks != 4) GTEST_SKIP();
  TensorLayout two_heads = layout();
  two_heads.kv_heads = 2;
  Compare(two_heads, AttentionBody(4, 2), 4, 5);
}

Body BlockBody(Recompute recompute, int64_t batch, int64_t seq) {
  return [=](TensorRank& rank) {
    const Block block(rank.Registry(), "b", AttentionConfig(12, 12),
                      {.hidden = kHidden,
                       .ffn = kFfn,
                       .init_std = 0.4,
                       .output_init_std = 0.3},
                      kEps);
    rank.AllocateParams();
    Sequences sequences(batch, seq);
    const SequenceLayout layout = sequences.Layout();
    const int64_t rows = layout.rows();
    const LayerContext ctx = rank.Context();
    const Block::Shared shared = {.delta = rank.Held(rows, kHidden),
                                  .middle = rank.Held(rows, kHidden),
                                  .normed = ctx.Activation(rows, kHidden)};
    const TensorView d = rank.Input("dy", rows, kHidden);
    ResidualStream stream = {.x = rank.Input("x", rows, kHidden),
                             .delta = rank.Input("delta", rows, kHidden)};
    const Arena::Mark before = ctx.arena.mark();
    const Block::Saved saved =
        block.Forward(ctx, stream, shared, layout, recompute);
    rank.Output("x", stream.x, rows);
    rank.Output("delta", stream.delta, rows);
    block.Backward(ctx, d, saved, shared, layout);
    EXPECT_EQ(ctx.arena.mark(), before);
    rank.Output("dx", d, rows);
  };
}

TEST_P(TensorParallelTest, BlockThatKeepsEverything) {
  Compare(BlockBody(Recompute::kNothing, kBatch, kSeq), 8, 10);
}

TEST_P(TensorParallelTest, BlockThatRecomputesSelectively) {
  Compare(BlockBody(Recompute::kSelective, kBatch, kSeq), 8, 10);
}

// Without sequence parallelism the sum behind the attention is repeated; with
// it, too, but what is gathered for that serves the weights' gradients.
TEST_P(TensorParallelTest, BlockThatRecomputesAll) {
  Compare(BlockBody(Recompute::kBlock, kBatch, kSeq), 10, 11);
}

TEST_P(TensorParallelTest, BlockOfFewerRowsThanRanks) {
  for (const Recompute recompute :
       {Recompute::kNothing, Recompute::kSelective, Recompute::kBlock}) {
    const Body body = BlockBody(recompute, 1, 3);
    ExpectSame(RunTensorRanks(layout(), body), RunTensorRanks({}, body), 1e-5);
  }
}

// Ids or targets of kRows tokens, `masked` of them negative.
std::vector<int32_t> Tokens(int masked = 0) {
  std::vector<int32_t> tokens = {3,  0,  100, 33, 34, 50, 67,
                                 25, 99, 75,  3,  3,  0,  66};
  for (int i = 0; i < masked; ++i) tokens[5 * i] = -1;
  return tokens;
}

TEST_P(TensorParallelTest, Embedding) {
  const Body body = [](TensorRank& rank) {
    const TokenEmbedding embedding(rank.Registry(), kVocab, kHidden, 1);
    rank.AllocateParams();
    std::vector<int32_t> ids = Tokens();
    const TensorView id_view = TensorView::Of(ids.data(), {kRows});
    const TensorView y = rank.Held(kRows, kHidden);
    embedding.Forward(rank.Context(), y, id_view);
    embedding.Backward(rank.Context(), rank.Input("dy", kRows, kHidden),
                       id_view);
    rank.Output("y", y, kRows);
  };
  Compare(body, 2, 2);
}

Body LmHeadBody(bool backward) {
  return [=](TensorRank& rank) {
    const LmHead head(rank.Registry(), {.vocab = kVocab,
                                        .hidden = kHidden,
                                        .norm_eps = kEps,
                                        .init_std = 0.5});
    rank.AllocateParams();
    std::vector<int32_t> targets = Tokens(2);
    const TensorView loss = rank.Context().Float32({kRows});
    const TensorView dx = backward ? rank.Held(kRows, kHidden) : TensorView();
    head.Loss(rank.Context(),
              {.loss = loss,
               .dx = dx,
               .stream = {.x = rank.Input("x", kRows, kHidden),
                          .delta = rank.Input("delta", kRows, kHidden)},
               .targets = TensorView::Of(targets.data(), {kRows}),
               .gradient_scale = 0.25f});
    rank.OutputEverywhere("loss", loss);
    if (backward) rank.Output("dx", dx, kRows);
  };
}

// Of the maxima and of the sums of exponentials.
int64_t CrossEntropyBytes(const TensorLayout& layout) {
  return 24 * (layout.ranks - 1) * kRows;
}

TEST_P(TensorParallelTest, LmHead) {
  Compare(LmHeadBody(true), 2, 2, CrossEntropyBytes(layout()));
}

TEST_P(TensorParallelTest, LmHeadInEvaluation) {
  const TensorLayout& one = layout();
  const WholeResult result = RunTensorRanks(one, LmHeadBody(false));
  const WholeResult expected = RunTensorRanks({}, LmHeadBody(false));
  EXPECT_LE(Distance(result.tensors.at("loss"), expected.tensors.at("loss")),
            1e-5);
  EXPECT_EQ(result.bytes, ActivationBytes(one, one.sequence_parallel) +
                              CrossEntropyBytes(one));
}

CogformerConfig SmallConfig(bool tied) {
  CogformerConfig config;
  config.set_vocab_size(kVocab);
  config.set_num_layers(2);
  config.set_hidden_size(kHidden);
  config.set_num_heads(12);
  config.set_num_kv_heads(12);
  config.set_head_dim(kHeadDim);
  config.set_ffn_size(kFfn);
  config.set_max_seq_len(8);
  config.set_rope_theta(100);
  config.set_norm_eps(kEps);
  config.set_tie_embeddings(tied);
  config.set_init_std(0.3);
  config.mutable_attention()->add_softmax_layers(0);
  return config;
}

// Forward and backward of one micro-batch; the losses.
TensorView TrainNetwork(const LayerContext& ctx, const Cogformer& model,
                        const TokenBatch& batch, Recompute recompute) {
  const SequenceLayout layout = model.Layout(kBatch, kSeq);
  const CogformerChunk::ForwardArgs args = {
      .batch = batch,
      .layout = layout,
      .loss = ctx.Float32({kRows}),
      .gradient_scale = 0.25f,
      .recompute = recompute,
      .shared = model.MakeShared(ctx, layout, recompute)};
  UnitHooks hooks;
  CogformerChunk::Saved saved;
  model.chunks()[0].Forward(ctx, args, hooks, saved);
  model.chunks()[0].Backward(ctx, {.shared = args.shared}, hooks, saved);
  return args.loss;
}

Body NetworkBody(bool tied, Recompute recompute) {
  return [=](TensorRank& rank) {
    Cogformer model(SmallConfig(tied), {{.layers = {0, 2}}}, rank.parallel(),
                    rank.params());
    rank.AllocateParams();
    ASSERT_TRUE(model.AllocateTables(rank.device(), rank.stream()).ok());
    std::vector<int32_t> inputs = Tokens(), targets = Tokens(2);
    const TensorView loss = TrainNetwork(
        rank.Context(), model,
        {.inputs = TensorView::Of(inputs.data(), {kBatch, kSeq}),
         .targets = TensorView::Of(targets.data(), {kBatch, kSeq})},
        recompute);
    rank.OutputEverywhere("loss", loss);
  };
}

TEST_P(TensorParallelTest, Network) {
  Compare(NetworkBody(false, Recompute::kNothing), 2 * 8 + 4, 2 * 10 + 4,
          CrossEntropyBytes(layout()));
}

TEST_P(TensorParallelTest, NetworkWithTiedEmbeddings) {
  Compare(NetworkBody(true, Recompute::kSelective), 2 * 8 + 4, 2 * 10 + 4,
          CrossEntropyBytes(layout()));
}

TEST_P(TensorParallelTest, NetworkInBfloat16) {
  TensorLayout bfloat16 = layout();
  bfloat16.dtype = DType::kBFloat16;
  Compare(bfloat16, NetworkBody(false, Recompute::kBlock), 2 * 10 + 4,
          2 * 11 + 4, CrossEntropyBytes(bfloat16), 5e-2);
}

// Bytes that rank `rank` of the group would send.
int64_t PlannedBytes(const TensorLayout& layout, int rank,
                     Recompute recompute) {
  MetaDevice device;
  HostCommunicator group(std::make_unique<MetaTransport>(rank, layout.ranks),
                         device);
  const std::unique_ptr<Stream> compute = device.CreateStream();
  const std::unique_ptr<Stream> beside = device.CreateStream();
  const ModelParallel parallel = {
      .tensor = &group,
      .tensor_stream = beside.get(),
      .sequence_parallel = layout.sequence_parallel};
  ParamStore params;
  Cogformer model(SmallConfig(false), {{.layers = {0, 2}}}, parallel, params);
  COG_CHECK_OK(params.Allocate(
      {.device = device, .stream = *compute, .precision = layout.dtype}));
  COG_CHECK_OK(model.AllocateTables(device, *compute));
  Arena arena = Arena::ForPlanning();
  const auto tokens = [&] {
    return arena.Allocate(DType::kInt32, {kBatch, kSeq});
  };
  TrainNetwork({.stream = *compute,
                .arena = arena,
                .params = params,
                .dtype = layout.dtype,
                .parallel = parallel},
               model, {.inputs = tokens(), .targets = tokens()}, recompute);
  return group.traffic().data_bytes;
}

TEST_P(TensorParallelTest, NetworkOnAMetaDeviceCountsWhatRanksSend) {
  for (const Recompute recompute :
       {Recompute::kNothing, Recompute::kSelective, Recompute::kBlock}) {
    int64_t planned = 0;
    for (int rank = 0; rank < layout().ranks; ++rank) {
      planned += PlannedBytes(layout(), rank, recompute);
    }
    EXPECT_EQ(planned,
              RunTensorRanks(layout(), NetworkBody(false, recompute)).bytes);
  }
}

}  // namespace
}  // namespace cogdist
