#include "models/lm_head.h"

#include <algorithm>

#include "kernels/cross_entropy.h"
#include "runtime/meta/meta_device.h"

namespace cogdist {
namespace {

// Of what is computed at a time: large enough for full-speed matrix products,
// small enough for the largest vocabularies.
struct ChunkLimits {
  int64_t logits;
  int64_t min_rows;  // rows come in multiples of them
};

// CPUs: small enough for caches, too; 32 MiB of float32.
constexpr ChunkLimits kCpuChunk = {int64_t{1} << 23, 64};

// GPUs: 256 MiB of float32. The weight's gradient is read and written once a
// chunk, which is 8 bytes for 2 operations a row: what an H100 does in the time
// of a byte (300 operations in bfloat16) takes 1,200 rows.
constexpr ChunkLimits kGpuChunk = {int64_t{1} << 26, 1024};

ChunkLimits LimitsOn(const Device& device) {
  return PlannedType(device) == DeviceType::kCuda ? kGpuChunk : kCpuChunk;
}

Linear OutputProjection(const ParamRegistry& registry,
                        const LmHead::Config& config) {
  if (config.tied_table) return Linear(*config.tied_table);
  return Linear(
      registry,
      {registry.RowShard("lm_head.weight", {config.vocab, config.hidden})},
      config.init_std);
}

}  // namespace

LmHead::LmHead(const ParamRegistry& registry, const Config& config)
    : config_(config),
      columns_(registry.parallel.TensorPart(config.vocab)),
      norm_(registry, "model.norm.weight", config.hidden, config.norm_eps),
      output_(OutputProjection(registry, config)) {}

void LmHead::Loss(const LayerContext& ctx, const LossArgs& args) const {
  const ArenaScope scope(ctx.arena);
  const int64_t rows = args.targets.num_elements();
  const int64_t held = ctx.parallel.HeldRows(rows).count;
  const TensorView sum = ctx.Activation(held, config_.hidden);
  const ShardedRows normed =
      WithRoomForAll(ctx, ctx.Activation(rows, config_.hidden));
  const TensorView rstd = ctx.Float32({held});
  const TensorView d_normed =
      args.dx ? ctx.Activation(rows, config_.hidden) : TensorView();
  norm_.Forward(ctx, normed.held, rstd, sum, args.stream);
  GatherRows(ctx, ctx.stream, normed.all);
  const int64_t chunk_rows = ChunkRows(ctx, rows);
  for (int64_t begin = 0; begin < rows; begin += chunk_rows) {
    const int64_t count = std::min(chunk_rows, rows - begin);
    const auto part = [&](TensorView x) { return x.Slice(0, begin, count); };
    LossOfChunk(ctx,
                {.loss = part(args.loss),
                 .targets = part(args.targets),
                 .normed = part(normed.all),
                 .d_normed = args.dx ? part(d_normed) : TensorView(),
                 .gradient_scale = args.gradient_scale,
                 .last = begin + count == rows},
                d_normed);
  }
  if (!args.dx) return;
  norm_.Backward(ctx, args.dx, WithRoomForAll(ctx, d_normed).held, sum, rstd,
                 /*residual_gradient=*/TensorView());
}

void LmHead::LossOfChunk(const LayerContext& ctx, const Chunk& chunk,
                         TensorView all_d_normed) const {
  const ArenaScope scope(ctx.arena);
  const int64_t count = chunk.targets.dim(0);
  const TensorView logits = ctx.Float32({count, columns_.count});
  TensorView d_logits;
  if (chunk.d_normed) {
    d_logits = ctx.dtype == DType::kFloat32
                   ? logits
                   : ctx.Activation(count, columns_.count);
  }
  output_.Forward(ctx, logits, chunk.normed);
  CrossEntropyOfChunk(ctx, chunk, logits, d_logits);
  if (!chunk.d_normed) return;
  output_.InputGradient(ctx, chunk.d_normed, d_logits);
  // Summed beside the product that follows. The rows that ranks hold are cut
  // without regard to chunks, so that these are summed together.
  Stream& beside = StreamBeside(ctx);
  if (!ctx.parallel.shards_rows()) {
    SumPartial(ctx, beside, chunk.d_normed);
  } else if (chunk.last) {
    SumPartial(ctx, beside, all_d_normed);
  }
  output_.WeightGradient(ctx, d_logits, chunk.normed);
  ctx.stream.Wait(beside.Record());
}

void LmHead::CrossEntropyOfChunk(const LayerContext& ctx, const Chunk& chunk,
                                 TensorView logits, TensorView d_logits) const {
  if (ctx.parallel.tensor_size() == 1) {
    CrossEntropy(ctx.stream, {.loss = chunk.loss,
                              .dlogits = d_logits,
                              .logits = logits,
                              .targets = chunk.targets,
                              .gradient_scale = chunk.gradient_scale});
    return;
  }
  Communicator& ranks = *ctx.parallel.tensor;
  const TensorView max = ctx.Float32(chunk.loss.shape);
  const TensorView sums = ctx.Float32({2, chunk.loss.dim(0)});
  CrossEntropyMax(ctx.stream, {.max = max, .logits = logits});
  ranks.AllReduceMax(ctx.stream, max);
  CrossEntropyStats(ctx.stream, {.sums = sums,
                                 .logits = logits,
                                 .max = max,
                                 .targets = chunk.targets,
                                 .first_id = columns_.begin});
  ranks.AllReduceSum(ctx.stream, sums);
  CrossEntropyFinish(ctx.stream, {.loss = chunk.loss,
                                  .dlogits = d_logits,
                                  .logits = logits,
                                  .max = max,
                                  .sums = sums,
                                  .targets = chunk.targets,
                                  .first_id = columns_.begin,
                                  .gradient_scale = chunk.gradient_scale});
}

void LmHead::Logits(const LayerContext& ctx, TensorView logits,
                    const ResidualStream& stream) const {
  COG_CHECK_EQ(ctx.parallel.tensor_size(), 1);
  const ArenaScope scope(ctx.arena);
  const int64_t rows = logits.dim(0);
  const TensorView normed = ctx.Activation(rows, config_.hidden);
  norm_.Forward(ctx, normed, ctx.Float32({rows}), stream.x, stream);
  output_.Forward(ctx, logits, normed);
}

int64_t LmHead::ChunkRows(const LayerContext& ctx, int64_t rows) const {
  // What the last rank has: EvenPart leaves it the largest part.
  const int64_t columns = EvenPart(config_.vocab, ctx.parallel.tensor_size(),
                                   ctx.parallel.tensor_size() - 1)
                              .count;
  const ChunkLimits limits = LimitsOn(ctx.stream.device());
  const int64_t fit = std::max(limits.min_rows, limits.logits / columns);
  return std::min(rows, fit / limits.min_rows * limits.min_rows);
}

}  // namespace cogdist
