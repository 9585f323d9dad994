#include "models/block.h"

#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

// Normalises `stream` to the held rows of y, and gathers the others where y has
// room for them.
void Normalize(const LayerContext& ctx, const RmsNorm& norm,
               const ShardedRows& y, TensorView rstd, TensorView sum,
               const ResidualStream& stream) {
  norm.Forward(ctx, y.held, rstd, sum, stream);
  if (y.all) GatherRows(ctx, ctx.stream, y.all);
}

}  // namespace

Block::Block(const ParamRegistry& registry, const std::string& prefix,
             const Attention::Config& attention, const Mlp::Config& mlp,
             double norm_eps)
    : hidden_(attention.hidden),
      attention_norm_(registry, absl::StrCat(prefix, ".input_layernorm.weight"),
                      hidden_, norm_eps),
      attention_(registry, absl::StrCat(prefix, ".self_attn"), attention),
      mlp_norm_(registry,
                absl::StrCat(prefix, ".post_attention_layernorm.weight"),
                hidden_, norm_eps),
      mlp_(registry, absl::StrCat(prefix, ".mlp"), mlp) {}

Block::Saved Block::Forward(const LayerContext& ctx, ResidualStream& stream,
                            const Shared& shared, const SequenceLayout& layout,
                            Recompute recompute) const {
  const int64_t rows = layout.rows();
  const int64_t held = ctx.parallel.HeldRows(rows).count;
  const bool keep_normed = recompute == Recompute::kNothing;
  const bool keep_middle = recompute != Recompute::kBlock;
  const auto hidden_tensor = [&] { return ctx.Activation(held, hidden_); };
  const auto normed = [&]() -> ShardedRows {
    // What is kept is kept sharded, and gathered wherever it is used.
    if (keep_normed) return {.rows = rows, .held = hidden_tensor()};
    return WithRoomForAll(ctx, shared.normed);
  };

  // Allocated in the order of how long it is kept, so that what the backward
  // pass will make again can be released from the end.
  Saved saved = {.begin = ctx.arena.mark()};
  // The first norm forms the sum; behind the embedding x is all there is.
  saved.x = stream.delta ? hidden_tensor() : stream.x;
  const Arena::Mark after_input = ctx.arena.mark();
  saved.attention_in = normed();
  saved.middle = keep_middle ? hidden_tensor() : shared.middle;
  saved.mlp_in = normed();
  saved.attention_rstd = ctx.Float32({held});
  saved.mlp_rstd = ctx.Float32({held});
  ForwardAttention(ctx, saved, stream, shared, layout);
  const Arena::Mark after_attention = ctx.arena.mark();
  saved.mlp = mlp_.Forward(ctx, shared.delta, saved.mlp_in);
  stream = {.x = saved.middle, .delta = shared.delta};

  if (recompute == Recompute::kSelective) {
    ctx.arena.Release(after_attention);
    saved.attention_in = saved.mlp_in = {};
    saved.mlp = {};
  } else if (recompute == Recompute::kBlock) {
    ctx.arena.Release(after_input);
    saved = {.begin = saved.begin, .x = saved.x};
  }
  return saved;
}

void Block::Backward(const LayerContext& ctx, TensorView d, const Saved& kept,
                     const Shared& shared, const SequenceLayout& layout) const {
  const Saved saved = Complete(ctx, kept, shared, layout);
  const TensorView d_normed = ctx.Activation(d.dim(0), hidden_);
  mlp_.Backward(ctx, d_normed, d, saved.mlp_in, saved.mlp);
  // d itself passes the layer by the residual connection; the norm adds to it.
  mlp_norm_.Backward(ctx, d, d_normed, saved.middle, saved.mlp_rstd, d);
  attention_.Backward(ctx, d_normed, d, saved.attention_in, saved.attention,
                      layout);
  attention_norm_.Backward(ctx, d, d_normed, saved.x, saved.attention_rstd, d);
  ctx.arena.Release(saved.begin);
}

void Block::Decode(const LayerContext& ctx, ResidualStream& stream,
                   const Shared& shared, const SequenceLayout& layout,
                   const KeyValueCache& cache) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = layout.rows();
  const TensorView normed = ctx.Activation(rows, hidden_);
  const TensorView rstd = ctx.Float32({rows});
  attention_norm_.Forward(ctx, normed, rstd, stream.x, stream);
  attention_.Decode(ctx, shared.delta, normed, layout, cache);
  stream.delta = shared.delta;
  mlp_norm_.Forward(ctx, normed, rstd, stream.x, stream);
  mlp_.Forward(ctx, shared.delta, WithRoomForAll(ctx, normed));
}

void Block::ForwardAttention(const LayerContext& ctx, Saved& saved,
                             const ResidualStream& stream, const Shared& shared,
                             const SequenceLayout& layout) const {
  Normalize(ctx, attention_norm_, saved.attention_in, saved.attention_rstd,
            saved.x, stream);
  saved.attention =
      attention_.Forward(ctx, shared.delta, saved.attention_in, layout);
  Normalize(ctx, mlp_norm_, saved.mlp_in, saved.mlp_rstd, saved.middle,
            {.x = saved.x, .delta = shared.delta});
}

Block::Saved Block::Complete(const LayerContext& ctx, Saved saved,
                             const Shared& shared,
                             const SequenceLayout& layout) const {
  if (saved.mlp_in.held) return saved;
  const int64_t rows = layout.rows();
  const int64_t held = saved.x.dim(0);
  // Gathered once, for the forward pass and for the weights' gradients.
  saved.mlp_in = WithRoomForAll(ctx, ctx.Activation(rows, hidden_));
  if (saved.middle) {
    // Both sums and all of the attention were kept: only the norms are redone.
    saved.attention_in = {.rows = rows, .held = ctx.Activation(held, hidden_)};
    Normalize(ctx, attention_norm_, saved.attention_in, saved.attention_rstd,
              saved.x, {.x = saved.x});
    Normalize(ctx, mlp_norm_, saved.mlp_in, saved.mlp_rstd, saved.middle,
              {.x = saved.middle});
  } else {
    // Only the input was kept. shared.delta is free in the backward pass.
    saved.attention_in = WithRoomForAll(ctx, ctx.Activation(rows, hidden_));
    saved.middle = ctx.Activation(held, hidden_);
    saved.attention_rstd = ctx.Float32({held});
    saved.mlp_rstd = ctx.Float32({held});
    ForwardAttention(ctx, saved, {.x = saved.x}, shared, layout);
  }
  saved.mlp = mlp_.Recompute(ctx, saved.mlp_in);
  return saved;
}

}  // namespace cogdist
