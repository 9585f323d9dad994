// One rank's part of an attention problem, as a layer would pass it: queries,
// keys and values as slices of one projection.

#ifndef COGDIST_TESTS_PARALLEL_CONTEXT_LOCAL_ATTENTION_H_
#define COGDIST_TESTS_PARALLEL_CONTEXT_LOCAL_ATTENTION_H_

#include <memory>
#include <vector>

#include "kernels/cast.h"
#include "parallel/context/ring_attention.h"
#include "parallel/context/zigzag.h"
#include "parallel/host_communicator.h"
#include "parallel/meta_transport.h"
#include "runtime/meta/meta_device.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist::testing {

class LocalAttention {
 public:
  // The tensors of rank `rank` of `ranks` in a case with q_len == kv_len.
  LocalAttention(const AttentionCase& c, int ranks, int rank)
      : case_(c),
        pieces_(ZigzagPieces(c.q_len, ranks, rank)),
        seq_(c.q_len / ranks),
        qkv_(c.dtype, fused_shape()),
        dqkv_(c.dtype, fused_shape()),
        o_(c.dtype, q_shape()),
        d_o_(c.dtype, q_shape()),
        lse_(DType::kFloat32, {c.batch, c.heads, seq_}),
        document_start_(c.document_start.empty() ? 0 : c.batch * seq_) {
    GatherPieces(absl::MakeSpan(document_start_), c.document_start, pieces_);
  }

  // Takes the rank's tokens of the inputs of the whole case.
  void Gather(Stream& stream, const AttentionTensors& whole) const {
    const AttentionForwardArgs args = ForwardArgs();
    ForEachPiece(1, args.q, whole.q, stream, kGather);
    ForEachPiece(1, args.k, whole.k, stream, kGather);
    ForEachPiece(1, args.v, whole.v, stream, kGather);
    ForEachPiece(1, d_o_, whole.d_o, stream, kGather);
  }
  // Puts the rank's results where they belong. Ranks may do so at one time.
  void Scatter(Stream& stream, const AttentionTensors& whole) const {
    const AttentionBackwardArgs args = BackwardArgs();
    ForEachPiece(1, args.o, whole.o, stream, kScatter);
    ForEachPiece(2, args.lse, whole.lse, stream, kScatter);
    ForEachPiece(1, args.dq, whole.dq, stream, kScatter);
    ForEachPiece(1, args.dk, whole.dk, stream, kScatter);
    ForEachPiece(1, args.dv, whole.dv, stream, kScatter);
  }

  AttentionForwardArgs ForwardArgs() const {
    return {.o = o_,
            .lse = lse_,
            .q = Heads(qkv_, 0, case_.heads),
            .k = Heads(qkv_, case_.heads, case_.kv_heads),
            .v = Heads(qkv_, case_.heads + case_.kv_heads, case_.kv_heads),
            .kind = case_.kind,
            .mask = mask(),
            .scale = case_.scale()};
  }
  AttentionBackwardArgs BackwardArgs() const {
    const AttentionForwardArgs forward = ForwardArgs();
    return {.dq = Heads(dqkv_, 0, case_.heads),
            .dk = Heads(dqkv_, case_.heads, case_.kv_heads),
            .dv = Heads(dqkv_, case_.heads + case_.kv_heads, case_.kv_heads),
            .d_o = d_o_,
            .o = o_,
            .lse = lse_,
            .q = forward.q,
            .k = forward.k,
            .v = forward.v,
            .kind = case_.kind,
            .mask = mask(),
            .scale = case_.scale()};
  }

 private:
  enum Direction { kGather, kScatter };

  // Copies between a local tensor and the rank's pieces, along dimension `seq`,
  // of a whole one.
  void ForEachPiece(int seq, const TensorView& local, const TensorView& whole,
                    Stream& stream, Direction direction) const {
    int64_t begin = 0;
    for (const Piece& piece : pieces_) {
      const TensorView here = local.Slice(seq, begin, piece.length);
      const TensorView there = whole.Slice(seq, piece.offset, piece.length);
      if (direction == kGather) {
        Cast(stream, {.to = here, .from = there});
      } else {
        Cast(stream, {.to = there, .from = here});
      }
      begin += piece.length;
    }
  }

  static TensorView Heads(const HostTensor& fused, int64_t begin,
                          int64_t count) {
    return fused.view().Slice(2, begin, count);
  }
  Shape q_shape() const {
    return {case_.batch, seq_, case_.heads, case_.head_dim};
  }
  Shape fused_shape() const {
    return {case_.batch, seq_, case_.heads + 2 * case_.kv_heads,
            case_.head_dim};
  }
  AttentionMask mask() const {
    AttentionMask mask;
    if (!document_start_.empty()) {
      mask.document_start =
          TensorView::Of(document_start_.data(), {case_.batch, seq_});
    }
    return mask;
  }

  const AttentionCase& case_;
  const std::vector<Piece> pieces_;
  const int64_t seq_;
  HostTensor qkv_, dqkv_, o_, d_o_, lse_;
  std::vector<int32_t> document_start_;
};

// What a meta device says of a forward and a backward pass.
struct RingPlan {
  int64_t arena_bytes = 0;
  int64_t workspace_bytes = 0;  // of the compute stream
  int64_t forward_sent = 0;
  int64_t backward_sent = 0;
};
inline RingPlan PlanRing(const LocalAttention& local, int ranks, int rank) {
  MetaDevice device;
  HostCommunicator group(std::make_unique<MetaTransport>(rank, ranks), device);
  MetaStream compute(device), communication(device);
  Arena arena = Arena::ForPlanning();
  const ContextRing ring = {&group, compute, &communication, arena};
  RingPlan plan;
  RingAttentionForward(ring, local.ForwardArgs());
  plan.forward_sent = group.traffic().data_bytes;
  RingAttentionBackward(ring, local.BackwardArgs());
  plan.backward_sent = group.traffic().data_bytes - plan.forward_sent;
  plan.arena_bytes = arena.high_water_bytes();
  plan.workspace_bytes = compute.workspace_bytes();
  return plan;
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_CONTEXT_LOCAL_ATTENTION_H_
