// Causal attention over sequences that a context group shares by zig-zag
// (parallel/context/zigzag.h), without any rank holding all keys: ring
// attention (Liu et al., arXiv 2310.01889).
//
// Forward: blocks of keys and values travel round the ring, from rank r to
// r + 1. In each of c steps a rank attends to one block while the next arrives;
// partial results over disjoint keys are merged by their log-sum-exp in
// float32. Backward: the blocks travel again, and behind each the float32
// gradients of its keys and values: those of owner o begin at rank o + 1 and
// reach o after c - 1 hops, which adds its own share.
//
// Bytes that a rank sends, with K = batch * T * kv_heads * head_dim, e bytes an
// activation and f = (c - 1) / c:
//   forward 2 f K e, backward 2 f K e + 8 f K.

#ifndef COGDIST_PARALLEL_CONTEXT_RING_ATTENTION_H_
#define COGDIST_PARALLEL_CONTEXT_RING_ATTENTION_H_

#include "kernels/cog_attention.h"
#include "parallel/communicator.h"
#include "runtime/arena.h"
#include "runtime/stream.h"

namespace cogdist {

// Where ring attention computes and sends. Results and temporaries are ordered
// on `compute`, which waits for all transfers that the call started.
struct ContextRing {
  Communicator* group = nullptr;  // absent: this rank alone
  Stream& compute;
  Stream* communication = nullptr;  // takes the transfers of a group
  Arena& arena;                     // temporaries, given back within the call

  int size() const { return group == nullptr ? 1 : group->size(); }
  int rank() const { return group == nullptr ? 0 : group->rank(); }
};

// AttentionForward and AttentionBackward of whole sequences, of which every
// rank of the group passes its local part: q, k, v, o and their gradients
// [batch, s, heads, head_dim] with the rank's two pieces one behind the other,
// lse [batch, heads, s]. mask.document_start [batch, s] holds positions in the
// whole sequence, as ever. Collective. In a group of one these are exactly the
// kernels, with any mask.
// REQUIRES: in a group of several, a causal mask without offsets and even s.
void RingAttentionForward(const ContextRing& ring,
                          const AttentionForwardArgs& args);
void RingAttentionBackward(const ContextRing& ring,
                           const AttentionBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CONTEXT_RING_ATTENTION_H_
