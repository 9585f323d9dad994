#include "kernels/matmul.h"

#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/matmul_plan.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {
namespace {

// A sum of no products.
void ClearRows(Stream& stream, const TensorView& c) {
  for (int64_t i = 0; i < c.dim(0); ++i) {
    stream.FillZero(c.Slice(0, i, 1).data, c.dim(1) * SizeOf(c.dtype));
  }
}

}  // namespace

void MatMul(Stream& stream, const MatMulArgs& args) {
  if (args.c.num_elements() == 0) return;
  if (args.a.num_elements() == 0) {
    if (!args.accumulate) ClearRows(stream, args.c);
    return;
  }
  MatMulPlans& plans = stream.State<MatMulPlans>();
  const MatMulPlan& plan = plans.For(MatMulKey::Of(args));
  plan.Run(plans.handle(),
           {.c = args.c.data,
            .a = args.a.data,
            .b = args.b.data,
            .bias = args.bias.data,
            .workspace = stream.Workspace(kMatMulWorkspaceBytes),
            .beta = args.accumulate ? 1.0F : 0.0F},
           HandleOf(stream));
}

}  // namespace cogdist::cuda
