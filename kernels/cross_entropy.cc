#include "kernels/cross_entropy.h"

#include "kernels/checks.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/route.h"

namespace cogdist {
namespace {

void CheckLogits(const TensorView& logits) {
  COG_CHECK_EQ(logits.shape.rank(), 2);
  COG_CHECK_TENSOR(logits, DType::kFloat32, {logits.dim(0), logits.dim(1)});
}

// What CrossEntropyArgs and CrossEntropyFinishArgs have in common.
template <typename Args>
void CheckLossAndGradient(const Args& args) {
  CheckLogits(args.logits);
  const int64_t rows = args.logits.dim(0);
  COG_CHECK_TENSOR(args.loss, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.targets, DType::kInt32, {rows});
  if (!args.dlogits) return;
  COG_CHECK_FLOAT(args.dlogits, 2);
  COG_CHECK_TENSOR(args.dlogits, args.dlogits.dtype, args.logits.shape);
}

}  // namespace

void CrossEntropy(Stream& stream, const CrossEntropyArgs& args) {
  CheckLossAndGradient(args);
  COG_CHECK_GT(args.logits.dim(1), 0);
  Route(stream, args,
        {.cpu = cpu::CrossEntropy,
         .cpu_workspace = cpu::CrossEntropyWorkspaceBytes,
         .gpu = &KernelTable::cross_entropy});
}

void CrossEntropyMax(Stream& stream, const CrossEntropyMaxArgs& args) {
  CheckLogits(args.logits);
  COG_CHECK_TENSOR(args.max, DType::kFloat32, {args.logits.dim(0)});
  Route(stream, args,
        {.cpu = cpu::CrossEntropyMax, .gpu = &KernelTable::cross_entropy_max});
}

void CrossEntropyStats(Stream& stream, const CrossEntropyStatsArgs& args) {
  CheckLogits(args.logits);
  const int64_t rows = args.logits.dim(0);
  COG_CHECK_TENSOR(args.sums, DType::kFloat32, {2, rows});
  COG_CHECK_TENSOR(args.max, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.targets, DType::kInt32, {rows});
  Route(stream, args,
        {.cpu = cpu::CrossEntropyStats,
         .gpu = &KernelTable::cross_entropy_stats});
}

void CrossEntropyFinish(Stream& stream, const CrossEntropyFinishArgs& args) {
  CheckLossAndGradient(args);
  const int64_t rows = args.logits.dim(0);
  COG_CHECK_TENSOR(args.max, DType::kFloat32, {rows});
  COG_CHECK_TENSOR(args.sums, DType::kFloat32, {2, rows});
  Route(stream, args,
        {.cpu = cpu::CrossEntropyFinish,
         .cpu_workspace = cpu::CrossEntropyFinishWorkspaceBytes,
         .gpu = &KernelTable::cross_entropy_finish});
}

}  // namespace cogdist
