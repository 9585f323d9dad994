#include "kernels/column_sum.h"

#include "kernels/cuda/column_sum_launch.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {

void ColumnSum(Stream& stream, const ColumnSumArgs& args) {
  LaunchColumnSum(HandleOf(stream),
                  {.sum = args.sum.Data<float>(),
                   .partial = static_cast<float*>(
                       stream.Workspace(ColumnSumWorkspaceBytes(args))),
                   .x = args.x.data,
                   .rows = args.x.dim(0),
                   .columns = args.x.dim(1),
                   .type = TypeOf(args.x)});
}

}  // namespace cogdist::cuda
