#include "models/norm.h"

#include <utility>

#include "kernels/rmsnorm.h"

namespace cogdist {
namespace {

NamedTensor Gain(const ModelParallel& parallel, std::string name,
                 int64_t hidden) {
  return {.name = std::move(name),
          .shape = {hidden},
          .copies = {.group = parallel.tensor,
                     .partial_gradients = parallel.shards_rows()}};
}

}  // namespace

RmsNorm::RmsNorm(const ParamRegistry& registry, std::string name,
                 int64_t hidden, double eps)
    : gain_(registry.Add(
          {.tensors = {Gain(registry.parallel, std::move(name), hidden)},
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
