#include "kernels/cuda/workspace.h"

#include "kernels/cog_attention.h"
#include "kernels/cuda/rmsnorm_launch.h"
#include "kernels/matmul.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"

namespace cogdist::cuda {

// A number a row of queries, as lse.
int64_t AttentionBackwardWorkspaceBytes(const AttentionBackwardArgs& args) {
  return args.lse.bytes();
}

int64_t MatMulWorkspaceBytes(const MatMulArgs&) {
  return kMatMulWorkspaceBytes;
}

int64_t RmsNormBackwardWorkspaceBytes(const RmsNormBackwardArgs& args) {
  return RmsNormPartials(args.dx.dim(0)) * args.dx.dim(1) *
         int64_t{sizeof(float)};
}

int64_t SumWorkspaceBytes(const SumArgs& args) {
  return NumReduceChunks(args.x.num_elements()) * int64_t{sizeof(double)};
}

}  // namespace cogdist::cuda
