#include "kernels/embedding.h"

#include "kernels/checks.h"
#include "kernels/cpu/embedding.h"
#include "kernels/route.h"

namespace cogdist {

void EmbeddingForward(Stream& stream, const EmbeddingForwardArgs& args) {
  COG_CHECK_FLOAT(args.y, 2);
  COG_CHECK_FLOAT(args.table, 2);
  const int64_t rows = args.y.dim(0), hidden = args.y.dim(1);
  COG_CHECK_TENSOR(args.y, args.y.dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.table, args.table.dtype, {args.table.dim(0), hidden});
  COG_CHECK_TENSOR(args.ids, DType::kInt32, {rows});
  Route(stream, args,
        {.cpu = cpu::EmbeddingForward, .gpu = &KernelTable::embedding_forward});
}

void EmbeddingBackward(Stream& stream, const EmbeddingBackwardArgs& args) {
  COG_CHECK_FLOAT(args.dtable, 2);
  COG_CHECK_FLOAT(args.dy, 2);
  const int64_t rows = args.dy.dim(0), hidden = args.dy.dim(1);
  COG_CHECK_TENSOR(args.dy, args.dy.dtype, {rows, hidden});
  COG_CHECK_TENSOR(args.dtable, DType::kFloat32, {args.dtable.dim(0), hidden});
  COG_CHECK_TENSOR(args.ids, DType::kInt32, {rows});
  Route(
      stream, args,
      {.cpu = cpu::EmbeddingBackward, .gpu = &KernelTable::embedding_backward});
}

}  // namespace cogdist
