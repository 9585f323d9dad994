#include "kernels/reduce.h"

#include "kernels/checks.h"
#include "kernels/cpu/reduce.h"
#include "kernels/route.h"

namespace cogdist {

void Sum(Stream& stream, const SumArgs& args) {
  COG_CHECK_TENSOR(args.out, DType::kFloat64, {1});
  COG_CHECK_TENSOR(args.x, DType::kFloat32, {args.x.num_elements()});
  Route(stream, args, cpu::Sum, cpu::SumWorkspaceBytes);
}

void ChunkSumsOfSquares(Stream& stream, const ChunkSumsOfSquaresArgs& args) {
  const int64_t n = args.x.num_elements();
  COG_CHECK_TENSOR(args.x, DType::kFloat32, {n});
  COG_CHECK_TENSOR(args.out, DType::kFloat64, {NumReduceChunks(n)});
  Route(stream, args, cpu::ChunkSumsOfSquares);
}

}  // namespace cogdist
