#include "models/embedding.h"

#include "kernels/embedding.h"

namespace cogdist {
namespace {

NamedTensor TableShard(const ParamRegistry& registry, int64_t vocab,
                       int64_t hidden) {
  NamedTensor table =
      registry.RowShard("model.embed_tokens.weight", {vocab, hidden});
  table.copies = {.group = registry.parallel.tied, .partial_gradients = true};
  return table;
}

}  // namespace

TokenEmbedding::TokenEmbedding(const ParamRegistry& registry, int64_t vocab,
                               int64_t hidden, double init_std, bool tied)
    : table_(registry.Add({.tensors = {TableShard(registry, vocab, hidden)},
                           .init = {ParamInit::Kind::kNormal, init_std},
                           .tied = tied})),
      first_id_(registry.parallel.TensorPart(vocab).begin) {}

void TokenEmbedding::Forward(const LayerContext& ctx, TensorView y,
                             TensorView ids) const {
  const ArenaScope scope(ctx.arena);
  // One rank has the row of an id, the others give zeros.
  const TensorView partial = MakePartial(ctx, y, ids.dim(0));
  EmbeddingForward(ctx.stream, {.y = partial,
                                .table = ctx.params.weight(table_),
                                .ids = ids,
                                .first_id = first_id_});
  SumPartial(ctx, ctx.stream, partial);
  TakeHeldRows(ctx, y, partial);
}

void TokenEmbedding::Backward(const LayerContext& ctx, TensorView dy,
                              TensorView ids) const {
  const ArenaScope scope(ctx.arena);
  const TensorView all_dy =
      Gathered(ctx, ctx.stream, {.rows = ids.dim(0), .held = dy});
  EmbeddingBackward(ctx.stream, {.dtable = ctx.params.gradient(table_),
                                 .dy = all_dy,
                                 .ids = ids,
                                 .first_id = first_id_});
}

}  // namespace cogdist
