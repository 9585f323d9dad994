#include "kernels/rmsnorm.h"

#include "kernels/cpu/rmsnorm.h"
#include "kernels/cuda/workspace.h"
#include "kernels/norm_checks.h"
#include "kernels/route.h"

namespace cogdist {

void RmsNormForward(Stream& stream, const RmsNormForwardArgs& args) {
  CheckNormForward(args);
  Route(stream, args,
        {.cpu = cpu::RmsNormForward, .gpu = &KernelTable::rmsnorm_forward});
}

void RmsNormBackward(Stream& stream, const RmsNormBackwardArgs& args) {
  CheckNormBackward(args);
  Route(stream, args,
        {.cpu = cpu::RmsNormBackward,
         .cpu_workspace = cpu::RmsNormBackwardWorkspaceBytes,
         .gpu = &KernelTable::rmsnorm_backward,
         .gpu_workspace = cuda::RmsNormBackwardWorkspaceBytes});
}

}  // namespace cogdist
