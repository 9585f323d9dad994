#include "kernels/reduce.h"

#include "kernels/checks.h"
#include "kernels/cpu/reduce.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {

void Sum(Stream& stream, const SumArgs& args) {
  COG_CHECK_TENSOR(args.out, DType::kFloat64, {1});
  COG_CHECK_TENSOR(args.x, DType::kFloat32, {args.x.num_elements()});
  Route(stream, args,
        {.cpu = cpu::Sum,
         .cpu_workspace = cpu::SumWorkspaceBytes,
         .gpu = &KernelTable::sum,
         .gpu_workspace = cuda::SumWorkspaceBytes});
}

void ChunkSumsOfSquares(Stream& stream, const ChunkSumsOfSquaresArgs& args) {
  const int64_t n = args.x.num_elements();
  COG_CHECK_TENSOR(args.x, DType::kFloat32, {n});
  COG_CHECK_TENSOR(args.out, DType::kFloat64, {NumReduceChunks(n)});
  Route(stream, args,
        {.cpu = cpu::ChunkSumsOfSquares,
         .gpu = &KernelTable::chunk_sums_of_squares});
}

}  // namespace cogdist
