#include "models/embedding.h"

#include "kernels/embedding.h"

namespace cogdist {

TokenEmbedding::TokenEmbedding(ParamStore& params, ParamStore::UnitId unit,
                               const ModelParallel& parallel, int64_t vocab,
                               int64_t hidden, double init_std)
    : table_(params.Add(
          unit,
          {.tensors = {{.name = "model.embed_tokens.weight",
                        .shape = {vocab, hidden},
                        .copies = {parallel.tied, /*partial_gradients=*/true}}},
           .init = {ParamInit::Kind::kNormal, init_std}})) {}

void TokenEmbedding::Forward(const LayerContext& ctx, TensorView y,
                             TensorView ids) const {
  EmbeddingForward(ctx.stream,
                   {.y = y, .table = ctx.params.weight(table_), .ids = ids});
}

void TokenEmbedding::Backward(const LayerContext& ctx, TensorView dy,
                              TensorView ids) const {
  EmbeddingBackward(
      ctx.stream,
      {.dtable = ctx.params.gradient(table_), .dy = dy, .ids = ids});
}

}  // namespace cogdist
