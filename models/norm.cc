#include "models/norm.h"

#include <utility>

#include "kernels/rmsnorm.h"

namespace cogdist {

RmsNorm::RmsNorm(ParamStore& params, ParamStore::UnitId unit, std::string name,
                 int64_t hidden, double eps)
    : gain_(params.Add(unit, {.tensors = {{std::move(name), {hidden}}},
                              .init = {ParamInit::Kind::kOnes}})),
      eps_(static_cast<float>(eps)) {}

void RmsNorm::Forward(const LayerContext& ctx, TensorView y, TensorView rstd,
                      TensorView sum, const ResidualStream& stream) const {
  COG_CHECK(stream.delta || sum.data == stream.x.data);
  RmsNormForward(ctx.stream, {.y = y,
                              .rstd = rstd,
                              .sum = stream.delta ? sum : TensorView(),
                              .x = stream.x,
                              .residual = stream.delta,
                              .gain = ctx.params.weight(gain_),
                              .eps = eps_});
}

void RmsNorm::Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                       TensorView sum, TensorView rstd,
                       TensorView residual_gradient) const {
  RmsNormBackward(ctx.stream, {.dx = dx,
                               .dgain = ctx.params.gradient(gain_),
                               .dy = dy,
                               .x = sum,
                               .gain = ctx.params.weight(gain_),
                               .rstd = rstd,
                               .residual_gradient = residual_gradient});
}

}  // namespace cogdist
