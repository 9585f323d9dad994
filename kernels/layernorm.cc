#include "kernels/layernorm.h"

#include "kernels/checks.h"
#include "kernels/cpu/layernorm.h"
#include "kernels/cuda/workspace.h"
#include "kernels/norm_checks.h"
#include "kernels/route.h"

namespace cogdist {

void LayerNormForward(Stream& stream, const LayerNormForwardArgs& args) {
  CheckNormForward(args);
  COG_CHECK_TENSOR(args.mean, DType::kFloat32, args.rstd.shape);
  COG_CHECK_TENSOR(args.bias, args.gain.dtype, args.gain.shape);
  Route(stream, args,
        {.cpu = cpu::LayerNormForward, .gpu = &KernelTable::layernorm_forward});
}

void LayerNormBackward(Stream& stream, const LayerNormBackwardArgs& args) {
  CheckNormBackward(args);
  COG_CHECK_TENSOR(args.mean, DType::kFloat32, args.rstd.shape);
  COG_CHECK_TENSOR(args.dbias, DType::kFloat32, args.gain.shape);
  Route(stream, args,
        {.cpu = cpu::LayerNormBackward,
         .cpu_workspace = cpu::LayerNormBackwardWorkspaceBytes,
         .gpu = &KernelTable::layernorm_backward,
         .gpu_workspace = cuda::LayerNormBackwardWorkspaceBytes});
}

}  // namespace cogdist
