// What launches of attention share, from the arguments of either pass.

#ifndef COGDIST_KERNELS_CUDA_ATTENTION_PROBLEM_H_
#define COGDIST_KERNELS_CUDA_ATTENTION_PROBLEM_H_

#include "kernels/cog_attention.h"
#include "kernels/cuda/attention_launch.h"
#include "runtime/check.h"

namespace cogdist::cuda {

template <typename Args>
AttentionProblem ProblemOf(const Args& args) {
  const TensorView& documents = args.mask.document_start;
  COG_CHECK(!documents || documents.dim(1) <= 1 ||
            documents.strides.dim(1) == 1);
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
          .document_start = documents ? documents.Data<int32_t>() : nullptr,
          .document_stride = documents ? documents.strides.dim(0) : 0,
          .scale = args.scale};
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ATTENTION_PROBLEM_H_
