#include "models/mlp.h"

#include "absl/strings/str_cat.h"
#include "kernels/swiglu.h"

namespace cogdist {

Mlp::Mlp(const ParamRegistry& registry, const std::string& prefix,
         const Config& config)
    : ffn_(registry.parallel.TensorPart(config.ffn).count),
      gate_up_proj_(
          registry,
          {registry.RowShard(absl::StrCat(prefix, ".gate_proj.weight"),
                             {config.ffn, config.hidden}),
           registry.RowShard(absl::StrCat(prefix, ".up_proj.weight"),
                             {config.ffn, config.hidden})},
          config.init_std),
      down_proj_(registry,
                 {.name = absl::StrCat(prefix, ".down_proj.weight"),
                  .shape = {config.hidden, config.ffn}},
                 config.output_init_std) {}

Mlp::Saved Mlp::Forward(const LayerContext& ctx, TensorView y,
                        const ShardedRows& x) const {
  const Saved saved = Recompute(ctx, x);
  down_proj_.Forward(ctx, y, saved.inner);
  return saved;
}

Mlp::Saved Mlp::Recompute(const LayerContext& ctx, const ShardedRows& x) const {
  const Saved saved = {.gate_up = ctx.Activation(x.rows, 2 * ffn_),
                       .inner = ctx.Activation(x.rows, ffn_)};
  gate_up_proj_.Forward(ctx, saved.gate_up, x);
  SwiGluForward(ctx.stream, {.y = saved.inner, .gate_up = saved.gate_up});
  return saved;
}

void Mlp::Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                   const ShardedRows& x, const Saved& saved) const {
  const ArenaScope scope(ctx.arena);
  const TensorView d_inner = ctx.Activation(x.rows, ffn_);
  down_proj_.Backward(ctx, d_inner, dy, saved.inner);
  const TensorView d_gate_up = saved.gate_up;  // in place
  SwiGluBackward(
      ctx.stream,
      {.d_gate_up = d_gate_up, .dy = d_inner, .gate_up = saved.gate_up});
  gate_up_proj_.Backward(ctx, dx, d_gate_up, x);
}

}  // namespace cogdist
