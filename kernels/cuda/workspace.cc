#include "kernels/cuda/workspace.h"

#include "kernels/cog_attention.h"
#include "kernels/column_sum.h"
#include "kernels/cuda/attention_problem.h"
#include "kernels/cuda/attention_split.h"
#include "kernels/cuda/column_sum_launch.h"
#include "kernels/gelu.h"
#include "kernels/layernorm.h"
#include "kernels/matmul.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"

namespace cogdist::cuda {
namespace {

// B200's 148, and a few.
constexpr int kMostMultiprocessors = 160;

// Partial sums of the columns of `x`.
int64_t PartialSumBytes(const TensorView& x) {
  return RowRanges(x.dim(0), x.dim(1)) * x.dim(1) * int64_t{sizeof(float)};
}

}  // namespace

// A number a row of queries, as lse.
int64_t AttentionBackwardWorkspaceBytes(const AttentionBackwardArgs& args) {
  return args.lse.bytes();
}

int64_t AttentionForwardWorkspaceBytes(const AttentionForwardArgs& args) {
  const AttentionProblem problem = ProblemOf(args);
  return AttentionSplitFloats(problem,
                              AttentionSplits(problem, kMostMultiprocessors)) *
         int64_t{sizeof(float)};
}

int64_t ColumnSumWorkspaceBytes(const ColumnSumArgs& args) {
  return PartialSumBytes(args.x);
}

int64_t GeluBackwardWorkspaceBytes(const GeluBackwardArgs& args) {
  return args.dbias ? PartialSumBytes(args.x) : 0;
}

int64_t LayerNormBackwardWorkspaceBytes(const LayerNormBackwardArgs& args) {
  return 2 * PartialSumBytes(args.x);
}

int64_t MatMulWorkspaceBytes(const MatMulArgs&) {
  return kMatMulWorkspaceBytes;
}

int64_t RmsNormBackwardWorkspaceBytes(const RmsNormBackwardArgs& args) {
  return PartialSumBytes(args.x);
}

int64_t SumWorkspaceBytes(const SumArgs& args) {
  return NumReduceChunks(args.x.num_elements()) * int64_t{sizeof(double)};
}

}  // namespace cogdist::cuda
