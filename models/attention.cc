#include "models/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cast.h"
#include "kernels/rope.h"
#include "parallel/context/ring_attention.h"

namespace cogdist {
namespace {

// Copies x [batch, seq, kv_heads, head_dim] to cache[:, begin:begin + seq].
void Append(Stream& stream, TensorView cache, int64_t begin, TensorView x) {
  Cast(stream, {.to = cache.Slice(1, begin, x.dim(1)), .from = x});
}

ContextRing RingOf(const LayerContext& ctx) {
  return {.group = ctx.parallel.context,
          .compute = ctx.stream,
          .communication = ctx.parallel.context_stream,
          .arena = ctx.arena};
}

Attention::Config OnThisRank(Attention::Config config,
                             const ModelParallel& parallel) {
  const int ranks = parallel.tensor_size();
  COG_CHECK(config.heads % ranks == 0 &&
                (config.kv_heads % ranks == 0 || ranks % config.kv_heads == 0),
            ranks, " tensor ranks share ", config.heads, " heads and ",
            config.kv_heads, " key/value heads");
  config.heads /= ranks;
  config.kv_heads = std::max<int64_t>(1, config.kv_heads / ranks);
  return config;
}

// This rank's part of the projection to keys or values.
NamedTensor KeyValueShard(const ParamRegistry& registry, std::string name,
                          const Attention::Config& config) {
  const ModelParallel& parallel = registry.parallel;
  const Shape shape = {config.kv_heads * config.head_dim, config.hidden};
  if (config.kv_heads >= parallel.tensor_size()) {
    return registry.RowShard(std::move(name), shape);
  }
  const int64_t head =
      config.kv_heads * parallel.tensor_rank() / parallel.tensor_size();
  return {.name = std::move(name),
          .shape = shape,
          .held = ElementRange{head * config.head_dim, config.head_dim},
          .copies = {.group = parallel.kv_copies, .partial_gradients = true}};
}

}  // namespace

Attention::Attention(const ParamRegistry& registry, const std::string& prefix,
                     const Config& config)
    : config_(OnThisRank(config, registry.parallel)),
      qkv_proj_(
          registry,
          {registry.RowShard(absl::StrCat(prefix, ".q_proj.weight"),
                             {config.heads * config.head_dim, config.hidden}),
           KeyValueShard(registry, absl::StrCat(prefix, ".k_proj.weight"),
                         config),
           KeyValueShard(registry, absl::StrCat(prefix, ".v_proj.weight"),
                         config)},
          config.init_std),
      o_proj_(registry,
              {.name = absl::StrCat(prefix, ".o_proj.weight"),
               .shape = {config.hidden, config.heads * config.head_dim}},
              config.output_init_std),
      scale_(1 / std::sqrt(static_cast<float>(config.head_dim))) {}

Attention::Saved Attention::Forward(const LayerContext& ctx, TensorView y,
                                    const ShardedRows& x,
                                    const SequenceLayout& layout) const {
  const Saved saved = {
      .qkv = ctx.Activation(x.rows, qkv_width()),
      .o = ctx.Activation(x.rows, o_width()),
      .lse = ctx.Float32({layout.batch, config_.heads, layout.seq})};
  qkv_proj_.Forward(ctx, saved.qkv, x);
  Rotate(ctx, saved.qkv, layout, 0, /*inverse=*/false);
  const Heads heads = Split(saved.qkv, layout);
  RingAttentionForward(RingOf(ctx),
                       {.o = saved.o.Reshape(heads.q.shape),
                        .lse = saved.lse,
                        .q = heads.q,
                        .k = heads.k,
                        .v = heads.v,
                        .kind = config_.kind,
                        .mask = {.document_start = layout.document_start},
                        .scale = scale_});
  o_proj_.Forward(ctx, y, saved.o);
  return saved;
}

void Attention::Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                         const ShardedRows& x, const Saved& saved,
                         const SequenceLayout& layout) const {
  const ArenaScope scope(ctx.arena);
  const TensorView d_o = ctx.Activation(x.rows, o_width());
  const TensorView dqkv = ctx.Activation(x.rows, qkv_width());
  o_proj_.Backward(ctx, d_o, dy, saved.o);
  const Heads heads = Split(saved.qkv, layout);
  const Heads gradients = Split(dqkv, layout);
  RingAttentionBackward(RingOf(ctx),
                        {.dq = gradients.q,
                         .dk = gradients.k,
                         .dv = gradients.v,
                         .d_o = d_o.Reshape(heads.q.shape),
                         .o = saved.o.Reshape(heads.q.shape),
                         .lse = saved.lse,
                         .q = heads.q,
                         .k = heads.k,
                         .v = heads.v,
                         .kind = config_.kind,
                         .mask = {.document_start = layout.document_start},
                         .scale = scale_});
  Rotate(ctx, dqkv, layout, 0, /*inverse=*/true);
  qkv_proj_.Backward(ctx, dx, dqkv, x);
}

void Attention::Decode(const LayerContext& ctx, TensorView y, TensorView x,
                       const SequenceLayout& layout,
                       const KeyValueCache& cache) const {
  COG_CHECK_EQ(ctx.parallel.tensor_size(), 1);
  COG_CHECK_EQ(ctx.parallel.context_size(), 1);
  const ArenaScope scope(ctx.arena);
  const TensorView qkv = ctx.Activation(x.dim(0), qkv_width());
  const TensorView o = ctx.Activation(x.dim(0), o_width());
  qkv_proj_.Forward(ctx, qkv, WithRoomForAll(ctx, x));
  Rotate(ctx, qkv, layout, cache.length, /*inverse=*/false);
  const Heads heads = Split(qkv, layout);
  Append(ctx.stream, cache.k, cache.length, heads.k);
  Append(ctx.stream, cache.v, cache.length, heads.v);
  const int64_t keys = cache.length + layout.seq;
  AttentionForward(
      ctx.stream,
      {.o = o.Reshape(heads.q.shape),
       .lse = ctx.Float32({layout.batch, config_.heads, layout.seq}),
       .q = heads.q,
       .k = cache.k.Slice(1, 0, keys),
       .v = cache.v.Slice(1, 0, keys),
       .kind = config_.kind,
       .mask = {.query_offset = cache.length},
       .scale = scale_});
  o_proj_.Forward(ctx, y, o);
}

TensorView Attention::AllHeads(TensorView qkv,
                               const SequenceLayout& layout) const {
  const int64_t d = config_.head_dim;
  return qkv.Reshape({layout.batch, layout.seq, qkv_width() / d, d});
}

Attention::Heads Attention::Split(TensorView qkv,
                                  const SequenceLayout& layout) const {
  const TensorView all = AllHeads(qkv, layout);
  const int64_t heads = config_.heads;
  const int64_t kv_heads = config_.kv_heads;
  return {.q = all.Slice(2, 0, heads),
          .k = all.Slice(2, heads, kv_heads),
          .v = all.Slice(2, heads + kv_heads, kv_heads)};
}

void Attention::Rotate(const LayerContext& ctx, TensorView qkv,
                       const SequenceLayout& layout, int64_t first_position,
                       bool inverse) const {
  const TensorView rotated =
      AllHeads(qkv, layout).Slice(2, 0, config_.heads + config_.kv_heads);
  const Piece all = {0, layout.seq};
  int64_t begin = 0;
  for (const Piece& piece :
       layout.pieces.empty() ? absl::MakeConstSpan(&all, 1) : layout.pieces) {
    Rope(ctx.stream, {.x = rotated.Slice(1, begin, piece.length),
                      .table = layout.rope_table,
                      .first_position = first_position + piece.offset,
                      .inverse = inverse});
    begin += piece.length;
  }
}

}  // namespace cogdist
