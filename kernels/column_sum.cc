#include "kernels/column_sum.h"

#include "kernels/checks.h"
#include "kernels/cpu/column_sum.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {

void ColumnSum(Stream& stream, const ColumnSumArgs& args) {
  COG_CHECK_FLOAT(args.x, 2);
  const int64_t rows = args.x.dim(0), columns = args.x.dim(1);
  COG_CHECK_TENSOR(args.x, args.x.dtype, {rows, columns});
  COG_CHECK_TENSOR(args.sum, DType::kFloat32, {columns});
  Route(stream, args,
        {.cpu = cpu::ColumnSum,
         .cpu_workspace = cpu::ColumnSumWorkspaceBytes,
         .gpu = &KernelTable::column_sum,
         .gpu_workspace = cuda::ColumnSumWorkspaceBytes});
}

}  // namespace cogdist
