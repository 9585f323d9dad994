// Token embedding: a look-up in a [vocab, hidden] table.

#ifndef COGDIST_MODELS_EMBEDDING_H_
#define COGDIST_MODELS_EMBEDDING_H_

#include "models/layer.h"

namespace cogdist {

class TokenEmbedding {
 public:
  TokenEmbedding(ParamStore& params, ParamStore::UnitId unit,
                 const ModelParallel& parallel, int64_t vocab, int64_t hidden,
                 double init_std);

  // y [rows, hidden]; ids [rows] int32.
  void Forward(const LayerContext& ctx, TensorView y, TensorView ids) const;
  // Adds dy [rows, hidden] to the rows of the table's gradient that ids name.
  void Backward(const LayerContext& ctx, TensorView dy, TensorView ids) const;

  // For an output layer that is tied to it.
  ParamStore::ParamId table() const { return table_; }

 private:
  ParamStore::ParamId table_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_EMBEDDING_H_
