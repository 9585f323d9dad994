// y = x W^T, without bias.

#ifndef COGDIST_MODELS_LINEAR_H_
#define COGDIST_MODELS_LINEAR_H_

#include <vector>

#include "models/layer.h"

namespace cogdist {

// x [rows, in], y [rows, out].
class Linear {
 public:
  // W is the named matrices stacked by rows, each [out, in].
  Linear(ParamStore& params, ParamStore::UnitId unit,
         std::vector<NamedTensor> tensors, double init_std);

  // Uses a matrix that another layer has registered (tied embeddings).
  explicit Linear(ParamStore::ParamId weight) : weight_(weight) {}

  void Forward(const LayerContext& ctx, TensorView y, TensorView x) const;

  // dx is left alone where it is absent.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                TensorView x) const;

 private:
  ParamStore::ParamId weight_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_LINEAR_H_
