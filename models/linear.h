// y = x W^T, without bias: the three products of one matrix.

#ifndef COGDIST_MODELS_LINEAR_H_
#define COGDIST_MODELS_LINEAR_H_

#include <vector>

#include "models/layer.h"

namespace cogdist {

// x [rows, in], y [rows, out]. On its own this is one rank's layer; see
// models/parallel_linear.h for matrices that a tensor group shares.
class Linear {
 public:
  // W is what this rank holds of the named matrices, each [out, in], stacked by
  // rows.
  Linear(const ParamRegistry& registry, std::vector<NamedTensor> tensors,
         double init_std);

  // Uses a matrix that another layer has registered (tied embeddings).
  explicit Linear(ParamStore::ParamId weight) : weight_(weight) {}

  void Forward(const LayerContext& ctx, TensorView y, TensorView x) const;

  // The backward pass: dx = dy W, and W's gradient += dy^T x.
  void InputGradient(const LayerContext& ctx, TensorView dx,
                     TensorView dy) const;
  void WeightGradient(const LayerContext& ctx, TensorView dy,
                      TensorView x) const;

 private:
  ParamStore::ParamId weight_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_LINEAR_H_
