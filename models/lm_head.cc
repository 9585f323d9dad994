#include "models/lm_head.h"

#include <algorithm>

#include "kernels/cross_entropy.h"

namespace cogdist {
namespace {

// Large enough for full-speed matrix products, small enough for caches and for
// the largest vocabularies: 32 MiB of float32.
constexpr int64_t kChunkLogits = int64_t{1} << 23;
constexpr int64_t kMinChunkRows = 64;

Linear OutputProjection(ParamStore& params, ParamStore::UnitId unit,
                        const LmHead::Config& config) {
  if (config.tied_table) return Linear(*config.tied_table);
  return Linear(params, unit,
                {{"lm_head.weight", {config.vocab, config.hidden}}},
                config.init_std);
}

}  // namespace

LmHead::LmHead(ParamStore& params, ParamStore::UnitId unit,
               const Config& config)
    : config_(config),
      norm_(params, unit, "model.norm.weight", config.hidden, config.norm_eps),
      output_(OutputProjection(params, unit, config)) {}

void LmHead::Loss(const LayerContext& ctx, const LossArgs& args) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = args.targets.num_elements();
  const TensorView sum = ctx.Activation(rows, config_.hidden);
  const TensorView normed = ctx.Activation(rows, config_.hidden);
  const TensorView rstd = ctx.Float32({rows});
  const TensorView d_normed =
      args.dx ? ctx.Activation(rows, config_.hidden) : TensorView();
  norm_.Forward(ctx, normed, rstd, sum, args.stream);
  const int64_t chunk = ChunkRows(rows);
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    LossOfChunk(ctx, args, normed, d_normed, begin,
                std::min(chunk, rows - begin));
  }
  if (!args.dx) return;
  norm_.Backward(ctx, args.dx, d_normed, sum, rstd,
                 /*residual_gradient=*/TensorView());
}

void LmHead::LossOfChunk(const LayerContext& ctx, const LossArgs& args,
                         TensorView normed, TensorView d_normed, int64_t begin,
                         int64_t count) const {
  const ArenaScope scope(ctx.arena);
  const TensorView x = normed.Slice(0, begin, count);
  const TensorView logits = ctx.Float32({count, config_.vocab});
  TensorView d_logits;
  if (args.dx) {
    d_logits = ctx.dtype == DType::kFloat32
                   ? logits
                   : ctx.Activation(count, config_.vocab);
  }
  output_.Forward(ctx, logits, x);
  CrossEntropy(ctx.stream, {.loss = args.loss.Slice(0, begin, count),
                            .dlogits = d_logits,
                            .logits = logits,
                            .targets = args.targets.Slice(0, begin, count),
                            .gradient_scale = args.gradient_scale});
  if (!args.dx) return;
  output_.Backward(ctx, d_normed.Slice(0, begin, count), d_logits, x);
}

void LmHead::Logits(const LayerContext& ctx, TensorView logits,
                    const ResidualStream& stream) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = logits.dim(0);
  const TensorView normed = ctx.Activation(rows, config_.hidden);
  norm_.Forward(ctx, normed, ctx.Float32({rows}), stream.x, stream);
  output_.Forward(ctx, logits, normed);
}

int64_t LmHead::ChunkRows(int64_t rows) const {
  const int64_t fit = std::max(kMinChunkRows, kChunkLogits / config_.vocab);
  return std::min(rows, fit / kMinChunkRows * kMinChunkRows);
}

}  // namespace cogdist
