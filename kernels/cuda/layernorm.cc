#include "kernels/layernorm.h"

#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/layernorm_launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {

void LayerNormForward(Stream& stream, const LayerNormForwardArgs& args) {
  LaunchLayerNormForward(HandleOf(stream), {.y = args.y.data,
                                            .mean = args.mean.Data<float>(),
                                            .rstd = args.rstd.Data<float>(),
                                            .sum = args.sum.data,
                                            .x = args.x.data,
                                            .residual = args.residual.data,
                                            .gain = args.gain.data,
                                            .bias = args.bias.data,
                                            .rows = args.x.dim(0),
                                            .hidden = args.x.dim(1),
                                            .eps = args.eps,
                                            .type = TypeOf(args.x),
                                            .gain_type = TypeOf(args.gain)});
}

void LayerNormBackward(Stream& stream, const LayerNormBackwardArgs& args) {
  LaunchLayerNormBackward(HandleOf(stream),
                          {.dx = args.dx.data,
                           .dgain = args.dgain.Data<float>(),
                           .dbias = args.dbias.Data<float>(),
                           .partial = static_cast<float*>(stream.Workspace(
                               LayerNormBackwardWorkspaceBytes(args))),
                           .dy = args.dy.data,
                           .x = args.x.data,
                           .gain = args.gain.data,
                           .mean = args.mean.Data<float>(),
                           .rstd = args.rstd.Data<float>(),
                           .residual_gradient = args.residual_gradient.data,
                           .rows = args.x.dim(0),
                           .hidden = args.x.dim(1),
                           .type = TypeOf(args.x),
                           .gain_type = TypeOf(args.gain)});
}

}  // namespace cogdist::cuda
