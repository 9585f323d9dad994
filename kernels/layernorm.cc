#include "kernels/layernorm.h"

#include "kernels/checks.h"
#include "kernels/cpu/layernorm.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {

void LayerNormForward(Stream& stream, const LayerNormForwardArgs& args) {
  COG_CHECK_FLOAT(args.x, 2);
  COG_CHECK_FLOAT(args.gain, 1);
  const DType dtype = args.x.dtype;
  const int64_t rows = args.x.dim(0), hidden = args.x.dim(1);
  COG_CHECK_TENSOR(args.x, dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.y, dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.mean, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.rstd, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.gain, args.gain.dtype, {hidden});
  COG_CHECK_TENSOR(args.bias, args.gain.dtype, {hidden});
  if (args.residual) {
    COG_CHECK_TENSOR(args.residual, dtype, {rows, hidden});
    COG_CHECK_TENSOR(args.sum, dtype, {rows, hidden});
  }
  Route(stream, args,
        {.cpu = cpu::LayerNormForward, .gpu = &KernelTable::layernorm_forward});
}

void LayerNormBackward(Stream& stream, const LayerNormBackwardArgs& args) {
  COG_CHECK_FLOAT(args.x, 2);
  COG_CHECK_FLOAT(args.gain, 1);
  const DType dtype = args.x.dtype;
  const int64_t rows = args.x.dim(0), hidden = args.x.dim(1);
  COG_CHECK_TENSOR(args.x, dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.dx, dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.dy, dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.mean, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.rstd, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.gain, args.gain.dtype, {hidden});
  COG_CHECK_TENSOR(args.dgain, DType::kFloat32, {hidden});
  COG_CHECK_TENSOR(args.dbias, DType::kFloat32, {hidden});
  if (args.residual_gradient) {
    COG_CHECK_TENSOR(args.residual_gradient, dtype, {rows, hidden});
  }
  Route(stream, args,
        {.cpu = cpu::LayerNormBackward,
         .cpu_workspace = cpu::LayerNormBackwardWorkspaceBytes,
         .gpu = &KernelTable::layernorm_backward,
         .gpu_workspace = cuda::LayerNormBackwardWorkspaceBytes});
}

}  // namespace cogdist
