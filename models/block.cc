#include "models/block.h"

#include "absl/strings/str_cat.h"

namespace cogdist {

Block::Block(ParamStore& params, ParamStore::UnitId unit,
             const std::string& prefix, const Attention::Config& attention,
             const Mlp::Config& mlp, double norm_eps)
    : hidden_(attention.hidden),
      attention_norm_(params, unit,
                      absl::StrCat(prefix, ".input_layernorm.weight"), hidden_,
                      norm_eps),
      attention_(params, unit, absl::StrCat(prefix, ".self_attn"), attention),
      mlp_norm_(params, unit,
                absl::StrCat(prefix, ".post_attention_layernorm.weight"),
                hidden_, norm_eps),
      mlp_(params, unit, absl::StrCat(prefix, ".mlp"), mlp) {}

Block::Saved Block::Forward(const LayerContext& ctx, ResidualStream& stream,
                            const Shared& shared, const SequenceLayout& layout,
                            Recompute recompute) const {
  const int64_t rows = layout.batch * layout.seq;
  const bool keep_normed = recompute == Recompute::kNothing;
  const bool keep_middle = recompute != Recompute::kBlock;
  const auto hidden_tensor = [&] { return ctx.Activation(rows, hidden_); };

  // Allocated in the order of how long it is kept, so that what the backward
  // pass will make again can be released from the end.
  Saved saved = {.begin = ctx.arena.mark()};
  // The first norm forms the sum; behind the embedding x is all there is.
  saved.x = stream.delta ? hidden_tensor() : stream.x;
  const Arena::Mark after_input = ctx.arena.mark();
  saved.attention_in = keep_normed ? hidden_tensor() : shared.normed;
  saved.middle = keep_middle ? hidden_tensor() : shared.middle;
  saved.mlp_in = keep_normed ? hidden_tensor() : shared.normed;
  saved.attention_rstd = ctx.Float32({rows});
  saved.mlp_rstd = ctx.Float32({rows});
  ForwardAttention(ctx, saved, stream, shared, layout);
  const Arena::Mark after_attention = ctx.arena.mark();
  saved.mlp = mlp_.Forward(ctx, shared.delta, saved.mlp_in);
  stream = {.x = saved.middle, .delta = shared.delta};

  if (recompute == Recompute::kSelective) {
    ctx.arena.Release(after_attention);
    saved.attention_in = saved.mlp_in = TensorView();
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
  const int64_t rows = layout.batch * layout.seq;
  const TensorView normed = ctx.Activation(rows, hidden_);
  const TensorView rstd = ctx.Float32({rows});
  attention_norm_.Forward(ctx, normed, rstd, stream.x, stream);
  attention_.Decode(ctx, shared.delta, normed, layout, cache);
  stream.delta = shared.delta;
  mlp_norm_.Forward(ctx, normed, rstd, stream.x, stream);
  mlp_.Forward(ctx, shared.delta, normed);
}

void Block::ForwardAttention(const LayerContext& ctx, Saved& saved,
                             const ResidualStream& stream, const Shared& shared,
                             const SequenceLayout& layout) const {
  attention_norm_.Forward(ctx, saved.attention_in, saved.attention_rstd,
                          saved.x, stream);
  saved.attention =
      attention_.Forward(ctx, shared.delta, saved.attention_in, layout);
  mlp_norm_.Forward(ctx, saved.mlp_in, saved.mlp_rstd, saved.middle,
                    {.x = saved.x, .delta = shared.delta});
}

Block::Saved Block::Complete(const LayerContext& ctx, Saved saved,
                             const Shared& shared,
                             const SequenceLayout& layout) const {
  if (saved.mlp_in) return saved;
  const int64_t rows = layout.batch * layout.seq;
  saved.attention_in = ctx.Activation(rows, hidden_);
  saved.mlp_in = ctx.Activation(rows, hidden_);
  if (saved.middle) {
    // Both sums and all of the attention were kept: only the norms are redone.
    attention_norm_.Forward(ctx, saved.attention_in, saved.attention_rstd,
                            saved.x, {.x = saved.x});
    mlp_norm_.Forward(ctx, saved.mlp_in, saved.mlp_rstd, saved.middle,
                      {.x = saved.middle});
  } else {
    // Only the input was kept. shared.delta is free in the backward pass.
    saved.middle = ctx.Activation(rows, hidden_);
    saved.attention_rstd = ctx.Float32({rows});
    saved.mlp_rstd = ctx.Float32({rows});
    ForwardAttention(ctx, saved, {.x = saved.x}, shared, layout);
  }
  saved.mlp = mlp_.Recompute(ctx, saved.mlp_in);
  return saved;
}

}  // namespace cogdist
