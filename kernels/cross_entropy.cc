#include "kernels/cross_entropy.h"

#include "kernels/checks.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/route.h"

namespace cogdist {

void CrossEntropy(Stream& stream, const CrossEntropyArgs& args) {
  COG_CHECK_EQ(args.logits.shape.rank(), 2);
  const int64_t rows = args.logits.dim(0), vocab = args.logits.dim(1);
  COG_CHECK_GT(vocab, 0);
  COG_CHECK_TENSOR(args.logits, DType::kFloat32, {rows, vocab});
  COG_CHECK_TENSOR(args.loss, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.targets, DType::kInt32, {rows});
  if (args.dlogits) {
    COG_CHECK_FLOAT(args.dlogits, 2);
    COG_CHECK_TENSOR(args.dlogits, args.dlogits.dtype, {rows, vocab});
  }
  Route(stream, args, cpu::CrossEntropy, cpu::CrossEntropyWorkspaceBytes);
}

}  // namespace cogdist
