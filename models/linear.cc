#include "models/linear.h"

#include <utility>

#include "kernels/matmul.h"

namespace cogdist {

Linear::Linear(ParamStore& params, ParamStore::UnitId unit,
               std::vector<NamedTensor> tensors, double init_std)
    : weight_(
          params.Add(unit, {.tensors = std::move(tensors),
                            .init = {ParamInit::Kind::kNormal, init_std}})) {}

void Linear::Forward(const LayerContext& ctx, TensorView y,
                     TensorView x) const {
  MatMul(
      ctx.stream,
      {.c = y, .a = x, .b = ctx.params.weight(weight_), .transpose_b = true});
}

void Linear::Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                      TensorView x) const {
  MatMul(ctx.stream, {.c = ctx.params.gradient(weight_),
                      .a = dy,
                      .b = x,
                      .transpose_a = true,
                      .accumulate = true});
  if (!dx) return;
  MatMul(ctx.stream, {.c = dx, .a = dy, .b = ctx.params.weight(weight_)});
}

}  // namespace cogdist
