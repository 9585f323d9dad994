#include "kernels/gelu.h"

#include "kernels/cuda/gelu_launch.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {

void GeluForward(Stream& stream, const GeluForwardArgs& args) {
  LaunchGeluForward(HandleOf(stream), {.y = args.y.data,
                                       .x = args.x.data,
                                       .bias = args.bias.data,
                                       .rows = args.y.dim(0),
                                       .ffn = args.y.dim(1),
                                       .type = TypeOf(args.y),
                                       .bias_type = TypeOf(args.bias)});
}

void GeluBackward(Stream& stream, const GeluBackwardArgs& args) {
  void* const partial = stream.Workspace(GeluBackwardWorkspaceBytes(args));
  LaunchGeluBackward(
      HandleOf(stream),
      {.dx = args.dx.data,
       .dbias = DataOrNull<float>(args.dbias),
       .partial = args.dbias ? static_cast<float*>(partial) : nullptr,
       .dy = args.dy.data,
       .x = args.x.data,
       .bias = args.bias.data,
       .rows = args.dy.dim(0),
       .ffn = args.dy.dim(1),
       .type = TypeOf(args.dy),
       .bias_type = TypeOf(args.bias)});
}

}  // namespace cogdist::cuda
