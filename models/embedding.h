// Token embedding: a look-up in a [vocab, hidden] table, whose rows a tensor
// group shares out evenly.

#ifndef COGDIST_MODELS_EMBEDDING_H_
#define COGDIST_MODELS_EMBEDDING_H_

#include "models/sharded_rows.h"

namespace cogdist {

class TokenEmbedding {
 public:
  // `tied`: a second copy of the table that the store already has.
  TokenEmbedding(const ParamRegistry& registry, int64_t vocab, int64_t hidden,
                 double init_std, bool tied = false);

  // y [held rows, hidden]; ids [rows] int32.
  void Forward(const LayerContext& ctx, TensorView y, TensorView ids) const;
  // Adds dy [held rows, hidden] to the rows of the table's gradient that ids
  // name.
  void Backward(const LayerContext& ctx, TensorView dy, TensorView ids) const;

  // For an output layer that is tied to it.
  ParamStore::ParamId table() const { return table_; }

 private:
  ParamStore::ParamId table_;
  int64_t first_id_;  // of this rank's rows
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_EMBEDDING_H_
