#include "models/linear.h"

#include <utility>

#include "kernels/matmul.h"

namespace cogdist {
namespace {

// Every product of the network.
void Multiply(const LayerContext& ctx, MatMulArgs args) {
  if (ctx.parallel.layout_invariant) args.blocking = MatMulBlocking::kFixed;
  MatMul(ctx.stream, args);
}

}  // namespace

Linear::Linear(const ParamRegistry& registry, std::vector<NamedTensor> tensors,
               double init_std)
    : weight_(registry.Add({.tensors = std::move(tensors),
                            .init = {ParamInit::Kind::kNormal, init_std}})) {}

void Linear::Forward(const LayerContext& ctx, TensorView y,
                     TensorView x) const {
  Multiply(
      ctx,
      {.c = y, .a = x, .b = ctx.params.weight(weight_), .transpose_b = true});
}

void Linear::InputGradient(const LayerContext& ctx, TensorView dx,
                           TensorView dy) const {
  Multiply(ctx, {.c = dx, .a = dy, .b = ctx.params.weight(weight_)});
}

void Linear::WeightGradient(const LayerContext& ctx, TensorView dy,
                            TensorView x) const {
  Multiply(ctx, {.c = ctx.params.gradient(weight_),
                 .a = dy,
                 .b = x,
                 .transpose_a = true,
                 .accumulate = true});
}

}  // namespace cogdist
