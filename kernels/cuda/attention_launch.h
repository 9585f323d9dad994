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

// What both passes have in common.
struct AttentionProblem {
  int64_t batch, q_len, kv_len, heads, kv_heads, head_dim;
  bool cog = true;  // or softmax
  bool causal = true;
  int64_t query_offset = 0, key_offset = 0;
  const int32_t* document_start = nullptr;  // [batch, q_len], or null
  float scale;
};

struct AttentionForwardLaunch {
  HeadsView o;        // of q's type or float32
  float* lse;         // [batch, heads, q_len]
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

// On tensor cores. REQUIRES: FitsAttentionMma(): bfloat16, head_dim 64 or 128,
// rows that start at multiples of 16 bytes, a positive scale.
bool FitsAttentionMma(const AttentionForwardLaunch& args);
void LaunchAttentionForwardMma(GpuStream stream,
                               const AttentionForwardLaunch& args);

// Deterministic: dq by one kernel, dk and dv by another.
struct AttentionBackwardLaunch {
  HeadsView dq, dk, dv;  // overwritten; of q's type or float32
  float* delta;          // [batch, heads, q_len] of scratch: do_i . o_i
  HeadsView d_o, o;      // of q's type, o also float32
  const float* lse;      // [batch, heads, q_len]
  HeadsView q, k, v;     // of one type
  AttentionProblem problem;
};
void LaunchAttentionBackwardSimt(GpuStream stream,
                                 const AttentionBackwardLaunch& args);

// On tensor cores, deterministic too. REQUIRES: FitsAttentionMma() of the
// forward pass, and d_o aligned likewise.
void LaunchAttentionBackwardMma(GpuStream stream,
                                const AttentionBackwardLaunch& args);
// delta alone: the first part of both.
void LaunchAttentionDelta(GpuStream stream,
                          const AttentionBackwardLaunch& args);

// Merges partial results over disjoint key sets into the first.
struct AttentionMergeLaunch {
  float* o;    // [batch, q_len, heads, head_dim], updated
  float* lse;  // [batch, heads, q_len], updated
  const float* other_o;
  const float* other_lse;
  int64_t batch, q_len, heads, head_dim;
};
void LaunchAttentionMerge(GpuStream stream, const AttentionMergeLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ATTENTION_LAUNCH_H_
