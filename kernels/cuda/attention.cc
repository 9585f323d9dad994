#include "kernels/cog_attention.h"

#include "kernels/cuda/attention_launch.h"
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

// Of either pass's arguments.
template <typename Args>
AttentionProblem ProblemOf(const Args& args) {
  return {.batch = args.q.dim(0),
          .q_len = args.q.dim(1),
          .kv_len = args.k.dim(1),
          .heads = args.q.dim(2),
          .kv_heads = args.k.dim(2),
          .head_dim = args.q.dim(3),
          .cog = args.kind == AttentionKind::kCog,
          .causal = args.mask.causal,
          .query_offset = args.mask.query_offset,
          .key_offset = args.mask.key_offset,
          .document_start = DataOrNull<int32_t>(args.mask.document_start),
          .scale = args.scale};
}

}  // namespace

void AttentionForward(Stream& stream, const AttentionForwardArgs& args) {
  const AttentionForwardLaunch launch = {.o = HeadsOf(args.o),
                                         .lse = args.lse.Data<float>(),
                                         .q = HeadsOf(args.q),
                                         .k = HeadsOf(args.k),
                                         .v = HeadsOf(args.v),
                                         .problem = ProblemOf(args)};
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
      .lse = args.lse.Data<float>(),
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
  COG_CHECK(args.o.IsContiguous() && args.other_o.IsContiguous());
  COG_CHECK(args.lse.IsContiguous() && args.other_lse.IsContiguous());
  LaunchAttentionMerge(HandleOf(stream),
                       {.o = args.o.Data<float>(),
                        .lse = args.lse.Data<float>(),
                        .other_o = args.other_o.Data<float>(),
                        .other_lse = args.other_lse.Data<float>(),
                        .batch = args.o.dim(0),
                        .q_len = args.o.dim(1),
                        .heads = args.o.dim(2),
                        .head_dim = args.o.dim(3)});
}

}  // namespace cogdist::cuda
