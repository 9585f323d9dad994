#include "models/cogformer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/rope.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

Attention::Config AttentionOfLayer(const CogformerConfig& config,
                                   int64_t layer) {
  return {.hidden = config.hidden_size(),
          .heads = config.num_heads(),
          .kv_heads = config.num_kv_heads(),
          .head_dim = config.head_dim(),
          .kind = AttentionKindOfLayer(config, layer),
          .init_std = config.init_std(),
          .output_init_std =
              config.init_std() / std::sqrt(2.0 * config.num_layers())};
}

Mlp::Config MlpOf(const CogformerConfig& config) {
  return {.hidden = config.hidden_size(),
          .ffn = config.ffn_size(),
          .init_std = config.init_std(),
          .output_init_std =
              config.init_std() / std::sqrt(2.0 * config.num_layers())};
}

// Row `index` of every sequence in x [batch * seq, width], as [batch, width].
TensorView GatherToken(const LayerContext& ctx, TensorView x,
                       const SequenceLayout& layout, int64_t index) {
  const TensorView token = ctx.Activation(layout.batch, x.dim(1));
  for (int64_t b = 0; b < layout.batch; ++b) {
    Copy(ctx.stream, token.Slice(0, b, 1),
         x.Slice(0, b * layout.seq + index, 1));
  }
  return token;
}

}  // namespace

AttentionKind AttentionKindOfLayer(const CogformerConfig& config,
                                   int64_t layer) {
  bool softmax = config.attention().kind() == AttentionConfig::SOFTMAX;
  for (const int64_t named : config.attention().softmax_layers()) {
    softmax |= layer == (named < 0 ? named + config.num_layers() : named);
  }
  return softmax ? AttentionKind::kSoftmax : AttentionKind::kCog;
}

Cogformer::Cogformer(const CogformerConfig& config, ParamStore& params)
    : config_(config),
      embedding_unit_(params.AddUnit("embedding")),
      embedding_(params, embedding_unit_, config.vocab_size(),
                 config.hidden_size(), config.init_std()),
      blocks_([&] {
        std::vector<Block> blocks;
        for (int64_t i = 0; i < config.num_layers(); ++i) {
          const std::string prefix = absl::StrCat("model.layers.", i);
          block_units_.push_back(params.AddUnit(prefix));
          blocks.emplace_back(params, block_units_.back(), prefix,
                              AttentionOfLayer(config, i), MlpOf(config),
                              config.norm_eps());
        }
        return blocks;
      }()),
      head_unit_(params.AddUnit("head")),
      head_(params, head_unit_,
            {.vocab = config.vocab_size(),
             .hidden = config.hidden_size(),
             .norm_eps = config.norm_eps(),
             .init_std = config.init_std(),
             .tied_table = config.tie_embeddings()
                               ? std::make_optional(embedding_.table())
                               : std::nullopt}) {}

absl::Status Cogformer::AllocateTables(Device& device, Stream& stream) {
  const std::vector<float> table = RopeTable(
      config_.max_seq_len(), config_.head_dim(), config_.rope_theta());
  const int64_t bytes = table.size() * sizeof(float);
  COG_ASSIGN_OR_RETURN(rope_buffer_, Buffer::Allocate(device, bytes));
  stream.Copy(rope_buffer_.data(), table.data(), bytes);
  stream.Synchronize();  // `table` is about to go
  rope_table_ =
      rope_buffer_.View(DType::kFloat32)
          .Reshape({2, config_.max_seq_len(), config_.head_dim() / 2});
  return absl::OkStatus();
}

void Cogformer::Forward(const LayerContext& ctx, const TokenBatch& batch,
                        TensorView loss, float gradient_scale,
                        Recompute recompute, Saved& saved) const {
  const int64_t rows = batch.inputs.num_elements();
  saved.begin = ctx.arena.mark();
  saved.layout = Layout(batch.inputs, batch.document_start);
  saved.ids = batch.inputs.Reshape({rows});
  saved.shared = AllocateShared(ctx, rows, recompute);
  saved.d = ctx.Activation(rows, config_.hidden_size());
  saved.blocks.resize(blocks_.size());

  ResidualStream stream = {.x = ctx.Activation(rows, config_.hidden_size())};
  embedding_.Forward(ctx, stream.x, saved.ids);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    saved.blocks[i] =
        blocks_[i].Forward(ctx, stream, saved.shared, saved.layout, recompute);
  }
  head_.Loss(ctx, {.loss = loss,
                   .dx = saved.d,
                   .stream = stream,
                   .targets = batch.targets.Reshape({rows}),
                   .gradient_scale = gradient_scale});
}

void Cogformer::Backward(const LayerContext& ctx, Saved& saved,
                         UnitReady unit_ready) const {
  unit_ready(head_unit_);  // its gradients came with the loss, in Forward
  for (int i = static_cast<int>(blocks_.size()) - 1; i >= 0; --i) {
    blocks_[i].Backward(ctx, saved.d, saved.blocks[i], saved.shared,
                        saved.layout);
    unit_ready(block_units_[i]);
  }
  // Ready only now also where the output layer, tied to it, was first to add.
  embedding_.Backward(ctx, saved.d, saved.ids);
  unit_ready(embedding_unit_);
  ctx.arena.Release(saved.begin);
}

void Cogformer::Evaluate(const LayerContext& ctx, const TokenBatch& batch,
                         TensorView loss) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = batch.inputs.num_elements();
  const SequenceLayout layout = Layout(batch.inputs, batch.document_start);
  const Block::Shared shared = AllocateShared(ctx, rows, Recompute::kBlock);
  ResidualStream stream = {.x = ctx.Activation(rows, config_.hidden_size())};
  embedding_.Forward(ctx, stream.x, batch.inputs.Reshape({rows}));
  for (const Block& block : blocks_) {
    const Block::Saved saved =
        block.Forward(ctx, stream, shared, layout, Recompute::kBlock);
    ctx.arena.Release(saved.begin);  // the output is in `shared`
  }
  head_.Loss(ctx, {.loss = loss,
                   .stream = stream,
                   .targets = batch.targets.Reshape({rows})});
}

void Cogformer::Decode(const LayerContext& ctx, TensorView inputs,
                       std::vector<KeyValueCache>& caches,
                       TensorView logits) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = inputs.num_elements();
  const SequenceLayout layout = Layout(inputs, TensorView());
  const Block::Shared shared = {
      .delta = ctx.Activation(rows, config_.hidden_size())};
  ResidualStream stream = {.x = ctx.Activation(rows, config_.hidden_size())};
  embedding_.Forward(ctx, stream.x, inputs.Reshape({rows}));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].Decode(ctx, stream, shared, layout, caches[i]);
    caches[i].length += layout.seq;
  }
  const int64_t last = layout.seq - 1;
  head_.Logits(ctx, logits,
               {.x = GatherToken(ctx, stream.x, layout, last),
                .delta = GatherToken(ctx, stream.delta, layout, last)});
}

std::vector<KeyValueCache> Cogformer::MakeCaches(const LayerContext& ctx,
                                                 int64_t batch,
                                                 int64_t max_seq) const {
  const Shape shape = {batch, max_seq, config_.num_kv_heads(),
                       config_.head_dim()};
  std::vector<KeyValueCache> caches(blocks_.size());
  for (KeyValueCache& cache : caches) {
    cache.k = ctx.arena.Allocate(ctx.dtype, shape);
    cache.v = ctx.arena.Allocate(ctx.dtype, shape);
  }
  return caches;
}

SequenceLayout Cogformer::Layout(TensorView inputs,
                                 TensorView document_start) const {
  return {.batch = inputs.dim(0),
          .seq = inputs.dim(1),
          .document_start = document_start,
          .rope_table = rope_table_};
}

Block::Shared Cogformer::AllocateShared(const LayerContext& ctx, int64_t rows,
                                        Recompute recompute) const {
  const int64_t hidden = config_.hidden_size();
  Block::Shared shared = {.delta = ctx.Activation(rows, hidden)};
  if (recompute == Recompute::kBlock) {
    shared.middle = ctx.Activation(rows, hidden);
  }
  if (recompute != Recompute::kNothing) {
    shared.normed = ctx.Activation(rows, hidden);
  }
  return shared;
}

}  // namespace cogdist
