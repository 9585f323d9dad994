#include "kernels/gelu.h"

#include "kernels/checks.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {

void GeluForward(Stream& stream, const GeluForwardArgs& args) {
  COG_CHECK_FLOAT(args.y, 2);
  const int64_t rows = args.y.dim(0), ffn = args.y.dim(1);
  COG_CHECK_TENSOR(args.y, args.y.dtype, {rows, ffn});
  COG_CHECK_TENSOR(args.x, args.y.dtype, {rows, ffn});
  if (args.bias) {
    COG_CHECK_FLOAT(args.bias, 1);
    COG_CHECK_TENSOR(args.bias, args.bias.dtype, {ffn});
  }
  Route(stream, args,
        {.cpu = cpu::GeluForward, .gpu = &KernelTable::gelu_forward});
}

void GeluBackward(Stream& stream, const GeluBackwardArgs& args) {
  COG_CHECK_FLOAT(args.dy, 2);
  const int64_t rows = args.dy.dim(0), ffn = args.dy.dim(1);
  COG_CHECK_TENSOR(args.dy, args.dy.dtype, {rows, ffn});
  COG_CHECK_TENSOR(args.x, args.dy.dtype, {rows, ffn});
  COG_CHECK_TENSOR(args.dx, args.dy.dtype, {rows, ffn});
  if (args.bias) {
    COG_CHECK_FLOAT(args.bias, 1);
    COG_CHECK_TENSOR(args.bias, args.bias.dtype, {ffn});
  }
  if (args.dbias) COG_CHECK_TENSOR(args.dbias, DType::kFloat32, {ffn});
  Route(stream, args,
        {.cpu = cpu::GeluBackward,
         .cpu_workspace = cpu::GeluBackwardWorkspaceBytes,
         .gpu = &KernelTable::gelu_backward,
         .gpu_workspace = cuda::GeluBackwardWorkspaceBytes});
}

}  // namespace cogdist
