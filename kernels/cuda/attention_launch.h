// Fused attention on a GPU: what kernels/cog_attention.h says.

#ifndef COGDIST_KERNELS_CUDA_ATTENTION_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_ATTENTION_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

// [batch, length, heads, head_dim]; the elements of a head are contiguous,
// other strides, in elements, are free.
struct HeadsView {
  void* data = nullptr;
  int64_t batch_stride = 0, row_stride = 0, head_stride = 0;
  ElementType type = ElementType::kFloat32;
};

// [batch, heads, length] float32; the numbers of a head are contiguous.
struct StatisticsView {
  float* data = nullptr;
  int64_t batch_stride = 0, head_stride = 0;
};

// Rows start at multiples of 16 bytes.
inline bool IsAligned(const HeadsView& view) {
  const int64_t unit = view.type == ElementType::kFloat32 ? 4 : 8;
  return reinterpret_cast<uintptr_t>(view.data) % 16 == 0 &&
         view.batch_stride % unit == 0 && view.row_stride % unit == 0 &&
         view.head_stride % unit == 0;
}

// What both passes have in common.
struct AttentionProblem {
  int64_t batch, q_len, kv_len, heads, kv_heads, head_dim;
  bool cog = true;  // or softmax
  bool causal = true;
  int64_t query_offset = 0, key_offset = 0;
  // [batch, q_len], not falling along a row, or null.
  const int32_t* document_start = nullptr;
  int64_t document_stride = 0;  // from sequence to sequence
  float scale;
};

struct AttentionForwardLaunch {
  HeadsView o;  // of q's type or float32
  StatisticsView lse;
  HeadsView q, k, v;  // of one type
  AttentionProblem problem;
  // Ranges that the keys are cut into, each for a block of its own, and scratch
  // for their results (attention_split.h).
  int64_t splits = 1;
  float* partial = nullptr;
};
// Any head_dim up to 256; float32 arithmetic throughout.
void LaunchAttentionForwardSimt(GpuStream stream,
                                const AttentionForwardLaunch& args);

// On tensor cores: bfloat16, head_dim 64 or 128, aligned rows.
inline bool FitsAttentionMma(const AttentionForwardLaunch& args) {
  return (args.problem.head_dim == 64 || args.problem.head_dim == 128) &&
         args.problem.scale > 0 && args.q.type == ElementType::kBFloat16 &&
         IsAligned(args.q) && IsAligned(args.k) && IsAligned(args.v) &&
         IsAligned(args.o);
}
// REQUIRES: FitsAttentionMma().
void LaunchAttentionForwardMma(GpuStream stream,
                               const AttentionForwardLaunch& args);

// Deterministic: dq by one kernel, dk and dv by another.
struct AttentionBackwardLaunch {
  HeadsView dq, dk, dv;  // overwritten; of q's type or float32
  float* delta;          // [batch, heads, q_len] of scratch: do_i . o_i
  HeadsView d_o, o;      // of q's type, o also float32
  StatisticsView lse;
  HeadsView q, k, v;  // of one type
  AttentionProblem problem;
};
void LaunchAttentionBackwardSimt(GpuStream stream,
                                 const AttentionBackwardLaunch& args);

// On tensor cores, deterministic too; likewise.
inline bool FitsAttentionMma(const AttentionBackwardLaunch& args) {
  return FitsAttentionMma(AttentionForwardLaunch{.o = args.o,
                                                 .q = args.q,
                                                 .k = args.k,
                                                 .v = args.v,
                                                 .problem = args.problem}) &&
         IsAligned(args.d_o) && IsAligned(args.dq) && IsAligned(args.dk) &&
         IsAligned(args.dv);
}
// REQUIRES: FitsAttentionMma().
void LaunchAttentionBackwardMma(GpuStream stream,
                                const AttentionBackwardLaunch& args);
// delta alone: the first part of both.
void LaunchAttentionDelta(GpuStream stream,
                          const AttentionBackwardLaunch& args);

// Merges partial results over disjoint key sets into the first.
struct AttentionMergeLaunch {
  HeadsView o;         // float32 [batch, q_len, heads, head_dim], updated
  StatisticsView lse;  // updated
  HeadsView other_o;
  StatisticsView other_lse;
  int64_t batch, q_len, heads, head_dim;
};
void LaunchAttentionMerge(GpuStream stream, const AttentionMergeLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ATTENTION_LAUNCH_H_
