#include "kernels/rmsnorm.h"

#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/rmsnorm_launch.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {

void RmsNormForward(Stream& stream, const RmsNormForwardArgs& args) {
  LaunchRmsNormForward(HandleOf(stream), {.y = args.y.data,
                                          .rstd = args.rstd.Data<float>(),
                                          .sum = args.sum.data,
                                          .x = args.x.data,
                                          .residual = args.residual.data,
                                          .gain = args.gain.data,
                                          .rows = args.x.dim(0),
                                          .hidden = args.x.dim(1),
                                          .eps = args.eps,
                                          .type = TypeOf(args.x),
                                          .gain_type = TypeOf(args.gain)});
}

void RmsNormBackward(Stream& stream, const RmsNormBackwardArgs& args) {
  LaunchRmsNormBackward(HandleOf(stream),
                        {.dx = args.dx.data,
                         .dgain = args.dgain.Data<float>(),
                         .partial = static_cast<float*>(stream.Workspace(
                             RmsNormBackwardWorkspaceBytes(args))),
                         .dy = args.dy.data,
                         .x = args.x.data,
                         .gain = args.gain.data,
                         .rstd = args.rstd.Data<float>(),
                         .residual_gradient = args.residual_gradient.data,
                         .rows = args.x.dim(0),
                         .hidden = args.x.dim(1),
                         .type = TypeOf(args.x),
                         .gain_type = TypeOf(args.gain)});
}

}  // namespace cogdist::cuda
