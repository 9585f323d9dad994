#include "kernels/cog_attention.h"

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_problem.h"
#include "kernels/cuda/attention_split.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {
namespace {

HeadsView HeadsOf(const TensorView& x) {
  return {.data = x.data,
          .batch_stride = x.strides.dim(0),
          .row_stride = x.strides.dim(1),
          .head_stride = x.strides.dim(2),
          .type = TypeOf(x)};
}

StatisticsView StatisticsOf(const TensorView& x) {
  COG_CHECK(x.dim(2) <= 1 || x.strides.dim(2) == 1, "strided rows");
  return {.data = x.Data<float>(),
          .batch_stride = x.strides.dim(0),
          .head_stride = x.strides.dim(1)};
}

}  // namespace

void AttentionForward(Stream& stream, const AttentionForwardArgs& args) {
  const AttentionProblem problem = ProblemOf(args);
  const int64_t splits =
      AttentionSplits(problem, AsCudaStream(stream).device().multiprocessors());
  const AttentionForwardLaunch launch = {
      .o = HeadsOf(args.o),
      .lse = StatisticsOf(args.lse),
      .q = HeadsOf(args.q),
      .k = HeadsOf(args.k),
      .v = HeadsOf(args.v),
      .problem = problem,
      .splits = splits,
      .partial = static_cast<float*>(stream.Workspace(
          AttentionSplitFloats(problem, splits) * int64_t{sizeof(float)}))};
  if (FitsAttentionMma(launch)) {
    LaunchAttentionForwardMma(HandleOf(stream), launch);
  } else {
    LaunchAttentionForwardSimt(HandleOf(stream), launch);
  }
}

void AttentionBackward(Stream& stream, const AttentionBackwardArgs& args) {
  const AttentionBackwardLaunch launch = {
      .dq = HeadsOf(args.dq),
      .dk = HeadsOf(args.dk),
      .dv = HeadsOf(args.dv),
      .delta = static_cast<float*>(
          stream.Workspace(AttentionBackwardWorkspaceBytes(args))),
      .d_o = HeadsOf(args.d_o),
      .o = HeadsOf(args.o),
      .lse = StatisticsOf(args.lse),
      .q = HeadsOf(args.q),
      .k = HeadsOf(args.k),
      .v = HeadsOf(args.v),
      .problem = ProblemOf(args)};
  if (FitsAttentionMma(launch)) {
    LaunchAttentionBackwardMma(HandleOf(stream), launch);
  } else {
    LaunchAttentionBackwardSimt(HandleOf(stream), launch);
  }
}

void AttentionMerge(Stream& stream, const AttentionMergeArgs& args) {
  LaunchAttentionMerge(HandleOf(stream),
                       {.o = HeadsOf(args.o),
                        .lse = StatisticsOf(args.lse),
                        .other_o = HeadsOf(args.other_o),
                        .other_lse = StatisticsOf(args.other_lse),
                        .batch = args.o.dim(0),
                        .q_len = args.o.dim(1),
                        .heads = args.o.dim(2),
                        .head_dim = args.o.dim(3)});
}

}  // namespace cogdist::cuda
