#include "models/cogformer_chunk.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/elementwise.h"
#include "runtime/range.h"

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

int64_t HeldRows(const LayerContext& ctx, const SequenceLayout& layout) {
  return ctx.parallel.HeldRows(layout.rows()).count;
}

// A pass uses a unit, from the construction to the destruction.
class UnitUse {
 public:
  UnitUse(const LayerContext& ctx, UnitHooks& hooks, ParamStore::UnitId unit,
          Pass pass)
      : range_(ctx.stream.device(), ctx.params.unit_name(unit)),
        hooks_(hooks),
        unit_(unit),
        pass_(pass) {
    hooks_.Begin(unit_, pass_);
  }
  ~UnitUse() { hooks_.End(unit_, pass_); }
  UnitUse(const UnitUse&) = delete;

 private:
  const Range range_;
  UnitHooks& hooks_;
  const ParamStore::UnitId unit_;
  const Pass pass_;
};

TensorView Flat(TensorView x) { return x.Reshape({x.num_elements()}); }

}  // namespace

AttentionKind AttentionKindOfLayer(const CogformerConfig& config,
                                   int64_t layer) {
  bool softmax = config.attention().kind() == AttentionConfig::SOFTMAX;
  for (const int64_t named : config.attention().softmax_layers()) {
    softmax |= layer == (named < 0 ? named + config.num_layers() : named);
  }
  return softmax ? AttentionKind::kSoftmax : AttentionKind::kCog;
}

CogformerChunk::CogformerChunk(const CogformerConfig& config,
                               const ModelChunk& chunk,
                               const ModelParallel& parallel,
                               ParamStore& params)
    : hidden_(config.hidden_size()) {
  // Units are registered in the order in which the forward pass uses them.
  if (chunk.first) embedding_ = AddTable("embedding", config, parallel, params);
  for (int64_t i = chunk.layers.begin; i < chunk.layers.end(); ++i) {
    const std::string prefix = absl::StrCat("model.layers.", i);
    block_units_.push_back(params.AddUnit(prefix));
    blocks_.emplace_back(ParamRegistry{params, block_units_.back(), parallel},
                         prefix, AttentionOfLayer(config, i), MlpOf(config),
                         config.norm_eps());
  }
  if (!chunk.last) return;
  if (config.tie_embeddings()) {
    // Where the embedding is on another rank, the head has a copy of the table;
    // and also where sums must not depend on whether it is.
    const bool shared = embedding_.has_value() && !parallel.layout_invariant;
    tied_table_ =
        shared ? embedding_ : AddTable("tied_table", config, parallel, params);
  }
  head_unit_ = params.AddUnit("head");
  head_.emplace(
      ParamRegistry{params, *head_unit_, parallel},
      LmHead::Config{
          .vocab = config.vocab_size(),
          .hidden = hidden_,
          .norm_eps = config.norm_eps(),
          .init_std = config.init_std(),
          .tied_table = tied_table_.has_value()
                            ? std::make_optional(tied_table_->layer.table())
                            : std::nullopt});
}

CogformerChunk::Table CogformerChunk::AddTable(absl::string_view unit_name,
                                               const CogformerConfig& config,
                                               const ModelParallel& parallel,
                                               ParamStore& params) const {
  const ParamStore::UnitId unit = params.AddUnit(unit_name);
  return {.unit = unit,
          .layer = TokenEmbedding({params, unit, parallel}, config.vocab_size(),
                                  config.hidden_size(), config.init_std(),
                                  /*tied=*/embedding_.has_value())};
}

void CogformerChunk::Forward(const LayerContext& ctx, const ForwardArgs& args,
                             UnitHooks& hooks, Saved& saved) const {
  saved.begin = ctx.arena.mark();
  saved.layout = args.layout;
  saved.blocks.resize(blocks_.size());
  if (head_.has_value()) {
    saved.d = ctx.Activation(HeldRows(ctx, args.layout), hidden_);
  }
  if (embedding_.has_value()) saved.ids = Flat(args.batch.inputs);
  ResidualStream stream = Enter(ctx, args, hooks);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const UnitUse use(ctx, hooks, block_units_[i], Pass::kForward);
    saved.blocks[i] = blocks_[i].Forward(ctx, stream, args.shared, args.layout,
                                         args.recompute);
  }
  if (!head_.has_value()) return Leave(ctx, args, stream);
  const Range range(ctx.stream.device(), ctx.params.unit_name(*head_unit_));
  BeginHead(hooks, Pass::kBackward);  // loss and gradients in one go
  LmHead::LossArgs loss = LossArgsOf(args, stream);
  loss.dx = saved.d;
  head_->Loss(ctx, loss);
  EndHead(hooks, Pass::kBackward);
}

void CogformerChunk::Backward(const LayerContext& ctx, const BackwardArgs& args,
                              UnitHooks& hooks, Saved& saved) const {
  TensorView d = args.d_output;
  if (head_.has_value()) d = saved.d;
  if (args.d_input) {
    Copy(ctx.stream, args.d_input, d);
    d = args.d_input;
  }
  for (int i = static_cast<int>(blocks_.size()) - 1; i >= 0; --i) {
    const UnitUse use(ctx, hooks, block_units_[i], Pass::kBackward);
    blocks_[i].Backward(ctx, d, saved.blocks[i], args.shared, saved.layout);
  }
  if (embedding_.has_value()) {
    // Where the head shares the table, its use began there.
    const Pass pass = SharesTable() ? Pass::kBackward : Pass::kGradient;
    const Range range(ctx.stream.device(),
                      ctx.params.unit_name(embedding_->unit));
    if (!SharesTable()) hooks.Begin(embedding_->unit, pass);
    embedding_->layer.Backward(ctx, d, saved.ids);
    hooks.End(embedding_->unit, pass);
  }
  ctx.arena.Release(saved.begin);
}

void CogformerChunk::Evaluate(const LayerContext& ctx, const ForwardArgs& args,
                              UnitHooks& hooks) const {
  const ArenaScope scope(ctx.arena);
  ResidualStream stream = Enter(ctx, args, hooks);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const UnitUse use(ctx, hooks, block_units_[i], Pass::kForward);
    const Block::Saved saved = blocks_[i].Forward(
        ctx, stream, args.shared, args.layout, Recompute::kBlock);
    ctx.arena.Release(saved.begin);  // the output is in `shared`
  }
  if (!head_.has_value()) return Leave(ctx, args, stream);
  const Range range(ctx.stream.device(), ctx.params.unit_name(*head_unit_));
  BeginHead(hooks, Pass::kForward);
  head_->Loss(ctx, LossArgsOf(args, stream));
  EndHead(hooks, Pass::kForward);
}

void CogformerChunk::Decode(const LayerContext& ctx, TensorView inputs,
                            const SequenceLayout& layout,
                            std::vector<KeyValueCache>& caches,
                            TensorView logits) const {
  COG_CHECK(embedding_.has_value() && head_.has_value(),
            "generation needs the whole network on one rank");
  const ArenaScope scope(ctx.arena);
  const int64_t rows = inputs.num_elements();
  const Block::Shared shared = {.delta = ctx.Activation(rows, hidden_)};
  ResidualStream stream = {.x = ctx.Activation(rows, hidden_)};
  embedding_->layer.Forward(ctx, stream.x, Flat(inputs));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].Decode(ctx, stream, shared, layout, caches[i]);
    caches[i].length += layout.seq;
  }
  const int64_t last = layout.seq - 1;
  head_->Logits(ctx, logits,
                {.x = GatherToken(ctx, stream.x, layout, last),
                 .delta = GatherToken(ctx, stream.delta, layout, last)});
}

ResidualStream CogformerChunk::Enter(const LayerContext& ctx,
                                     const ForwardArgs& args,
                                     UnitHooks& hooks) const {
  if (!embedding_.has_value()) return {.x = args.input};
  const ResidualStream stream = {
      .x = ctx.Activation(HeldRows(ctx, args.layout), hidden_)};
  const UnitUse use(ctx, hooks, embedding_->unit, Pass::kForward);
  embedding_->layer.Forward(ctx, stream.x, Flat(args.batch.inputs));
  return stream;
}

void CogformerChunk::Leave(const LayerContext& ctx, const ForwardArgs& args,
                           const ResidualStream& stream) const {
  Copy(ctx.stream, args.output, stream.x);
  if (stream.delta) Add(ctx.stream, {.y = args.output, .x = stream.delta});
}

void CogformerChunk::BeginHead(UnitHooks& hooks, Pass pass) const {
  if (tied_table_.has_value()) hooks.Begin(tied_table_->unit, pass);
  hooks.Begin(*head_unit_, pass);
}

void CogformerChunk::EndHead(UnitHooks& hooks, Pass pass) const {
  hooks.End(*head_unit_, pass);
  // A table that the embedding also uses is done with only behind that.
  const bool in_use = pass == Pass::kBackward && SharesTable();
  if (tied_table_.has_value() && !in_use) hooks.End(tied_table_->unit, pass);
}

bool CogformerChunk::SharesTable() const {
  return tied_table_.has_value() && embedding_.has_value() &&
         tied_table_->unit == embedding_->unit;
}

LmHead::LossArgs CogformerChunk::LossArgsOf(
    const ForwardArgs& args, const ResidualStream& stream) const {
  return {.loss = args.loss,
          .stream = stream,
          .targets = Flat(args.batch.targets),
          .gradient_scale = args.gradient_scale};
}

}  // namespace cogdist
