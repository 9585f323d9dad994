// Fused attention, forward and backward, without a q_len x kv_len buffer.
//
// One head, scale c, scores p_ij = c q_i . k_j over the visible keys j:
//   Cog:      w_ij = exp(|p_ij| - lse_i),  a_ij = sign(p_ij) w_ij,
//             lse_i = log sum_j exp(|p_ij|)        (sign(0) = 0)
//   softmax:  a_ij = w_ij = exp(p_ij - lse_i)
//   o_i = sum_j a_ij v_j
// Cog attention: "More Expressive Attention with Negative Weights",
// arXiv 2411.07176. A row with no visible key gives o = 0, lse = -inf and zero
// gradients. Query head h uses key/value head h / (heads / kv_heads).

#ifndef COGDIST_KERNELS_COG_ATTENTION_H_
#define COGDIST_KERNELS_COG_ATTENTION_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

enum class AttentionKind { kCog, kSoftmax };

// Which keys query i sees. Its position is query_offset + i, that of key j is
// key_offset + j.
struct AttentionMask {
  bool causal = true;  // key position <= query position
  int64_t query_offset = 0;
  int64_t key_offset = 0;
  TensorView document_start;  // [batch, q_len] int32, optional: also
                              // key position >= document_start[b, i].
                              // REQUIRES: it does not fall along a row
};

// Tensors may be slices of wider rows (a fused projection): head_dim elements
// are contiguous, other strides are free. q, k, v have one type, float32 or
// bfloat16; sums are float32.
struct AttentionForwardArgs {
  TensorView o;    // [batch, q_len, heads, head_dim], type of q or float32
  TensorView lse;  // [batch, heads, q_len] float32
  TensorView q;    // [batch, q_len, heads, head_dim]
  TensorView k;    // [batch, kv_len, kv_heads, head_dim]
  TensorView v;    // [batch, kv_len, kv_heads, head_dim]
  AttentionKind kind = AttentionKind::kCog;
  AttentionMask mask;
  float scale = 0;  // c, usually 1 / sqrt(head_dim)
};
void AttentionForward(Stream& stream, const AttentionForwardArgs& args);

// dp_ij = w_ij (do_i . v_j) - a_ij (do_i . o_i), 0 where Cog's p_ij is 0;
// dq, dk, dv follow. Deterministic: no sum depends on the thread count.
struct AttentionBackwardArgs {
  TensorView dq;   // shape of q; overwritten; type of q or float32
  TensorView dk;   // shape of k; likewise
  TensorView dv;   // shape of v; likewise
  TensorView d_o;  // shape of o, type of q
  TensorView o;    // forward's results: over all keys, where keys were split
  TensorView lse;
  TensorView q, k, v;
  AttentionKind kind = AttentionKind::kCog;
  AttentionMask mask;
  float scale = 0;
};
void AttentionBackward(Stream& stream, const AttentionBackwardArgs& args);

// Merges partial results over disjoint key sets into the first of them:
// lse = logaddexp(lse1, lse2), o = exp(lse1 - lse) o1 + exp(lse2 - lse) o2.
struct AttentionMergeArgs {
  TensorView o;    // [batch, q_len, heads, head_dim] float32, updated
  TensorView lse;  // [batch, heads, q_len] float32, updated
  TensorView other_o;
  TensorView other_lse;
};
void AttentionMerge(Stream& stream, const AttentionMergeArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_COG_ATTENTION_H_
