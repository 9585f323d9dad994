#include "parallel/context/ring_attention.h"

#include "kernels/cast.h"
#include "kernels/elementwise.h"
#include "kernels/local_position.h"
#include "parallel/context/zigzag.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// Keys and values of one rank, or their gradients: [batch, s, kv_heads,
// head_dim] each.
struct KeyValues {
  TensorView k, v;
};

// The same as one contiguous tensor, which can travel.
struct Block : KeyValues {
  Block(Arena& arena, DType dtype, const Shape& shape)
      : both(arena.Allocate(dtype, {2, shape.dim(0), shape.dim(1), shape.dim(2),
                                    shape.dim(3)})) {
    k = both.Slice(0, 0, 1).Reshape(shape);
    v = both.Slice(0, 1, 1).Reshape(shape);
  }

  TensorView both;
};

// Sends `from` to the next rank and fills `to` from the one before, after what
// has been computed so far. The event is that both are done.
Event Shift(const ContextRing& ring, const Block& from, const Block& to) {
  const int rank = ring.rank(), size = ring.size();
  Stream& stream = *ring.communication;
  stream.Wait(ring.compute.Record());
  ring.group->SendRecv(stream, from.both, (rank + 1) % size, to.both,
                       (rank + size - 1) % size);
  return stream.Record();
}

// The keys and values of the ranks, as they come past this one.
class KeyValueRing {
 public:
  KeyValueRing(const ContextRing& ring, const KeyValues& own)
      : ring_(ring),
        own_(own),
        blocks_{{ring.arena, own.k.dtype, own.k.shape},
                {ring.arena, own.k.dtype, own.k.shape}} {
    Cast(ring.compute, {.to = blocks_[0].k, .from = own.k});
    Cast(ring.compute, {.to = blocks_[0].v, .from = own.v});
  }

  // Whose block is here in a step; this rank's own at first and at last.
  int Owner(int step) const {
    const int size = ring_.size();
    return (ring_.rank() + size - step) % size;
  }

  // Begins step 0, 1, ..., size: gives its block, and lets the next one come.
  // REQUIRES: the step before was finished.
  KeyValues Begin(int step) {
    if (step + 1 < ring_.size()) {
      next_here_ = Shift(ring_, blocks_[step % 2], blocks_[(step + 1) % 2]);
    }
    if (Owner(step) == ring_.rank()) return own_;
    return blocks_[step % 2];
  }

  void Finish() { ring_.compute.Wait(next_here_); }

 private:
  const ContextRing& ring_;
  const KeyValues own_;
  const Block blocks_[2];
  Event next_here_;
};

// Starts of documents as indices in an owner's local sequence: attention then
// sees one sequence, though its positions have a gap.
class LocalDocuments {
 public:
  LocalDocuments(const ContextRing& ring, const TensorView& document_start)
      : ring_(ring), starts_(document_start) {
    if (starts_) local_ = ring.arena.Allocate(DType::kInt32, starts_.shape);
  }

  // Valid until the next call; absent where there are no documents.
  TensorView Of(int owner) const {
    if (!starts_) return {};
    const int size = ring_.size();
    const std::vector<Piece> pieces =
        ZigzagPieces(size * starts_.dim(1), size, owner);
    LocalPosition(ring_.compute, {.to = local_,
                                  .from = starts_,
                                  .begin = {pieces[0].offset, pieces[1].offset},
                                  .length = pieces[0].length});
    return local_;
  }

 private:
  const ContextRing& ring_;
  const TensorView starts_;
  TensorView local_;
};

TensorView Part(const TensorView& x, const Piece& piece) {
  return x.Slice(1, piece.offset, piece.length);
}

// `args` of either pass, restricted to one block of queries and keys.
template <typename Args>
Args Restrict(Args args, const VisibleBlock& block, const KeyValues& keys,
              const TensorView& document_start) {
  const Piece& queries = block.queries;
  args.q = Part(args.q, queries);
  args.o = Part(args.o, queries);
  args.lse = args.lse.Slice(2, queries.offset, queries.length);
  args.k = Part(keys.k, block.keys);
  args.v = Part(keys.v, block.keys);
  args.mask = {.causal = block.causal,
               .query_offset = queries.offset,
               .key_offset = block.keys.offset};
  if (document_start) args.mask.document_start = Part(document_start, queries);
  return args;
}

void CheckShared(const AttentionMask& mask, const TensorView& q,
                 const TensorView& k) {
  COG_CHECK(mask.causal && mask.query_offset == 0 && mask.key_offset == 0,
            "a context group shares causal attention of whole sequences");
  COG_CHECK(q.dim(1) == k.dim(1) && q.dim(1) % 2 == 0, "queries ", q.ToString(),
            " and keys ", k.ToString(), " are no two pieces");
}

// The sums of a backward pass and its steps' shares of them, all float32.
class GradientSums {
 public:
  GradientSums(const ContextRing& ring, const AttentionBackwardArgs& args)
      : ring_(ring),
        args_(args),
        documents_(ring, args.mask.document_start),
        dq_(ring.arena.Allocate(DType::kFloat32, args.q.shape)),
        dq_share_(ring.arena.Allocate(DType::kFloat32, args.q.shape)),
        share_(ring.arena, DType::kFloat32, args.k.shape) {
    FillZero(ring.compute, dq_);
  }

  const TensorView& dq() const { return dq_; }

  // Adds what the pairs of `block` give, to dq() and, once `here` has happened,
  // to the gradients `sum` of the keys.
  void Add(const VisibleBlock& block, const KeyValues& keys, int owner,
           const Block& sum, const Event& here) {
    AttentionBackwardArgs args =
        Restrict(args_, block, keys, documents_.Of(owner));
    args.d_o = Part(args.d_o, block.queries);
    args.dq = Part(dq_share_, block.queries);
    args.dk = Part(share_.k, block.keys);
    args.dv = Part(share_.v, block.keys);
    AttentionBackward(ring_.compute, args);
    cogdist::Add(ring_.compute, {.y = Part(dq_, block.queries), .x = args.dq});
    ring_.compute.Wait(here);
    cogdist::Add(ring_.compute, {.y = Part(sum.k, block.keys), .x = args.dk});
    cogdist::Add(ring_.compute, {.y = Part(sum.v, block.keys), .x = args.dv});
  }

 private:
  const ContextRing& ring_;
  const AttentionBackwardArgs& args_;
  const LocalDocuments documents_;
  const TensorView dq_, dq_share_;
  const Block share_;
};

}  // namespace

void RingAttentionForward(const ContextRing& ring,
                          const AttentionForwardArgs& args) {
  const int size = ring.size(), rank = ring.rank();
  if (size == 1) return AttentionForward(ring.compute, args);
  CheckShared(args.mask, args.q, args.k);
  const ArenaScope scope(ring.arena);
  AttentionForwardArgs all = args, share = args;
  if (args.o.dtype != DType::kFloat32) {
    all.o = ring.arena.Allocate(DType::kFloat32, args.o.shape);
  }
  share.o = ring.arena.Allocate(DType::kFloat32, args.o.shape);
  share.lse = ring.arena.Allocate(DType::kFloat32, args.lse.shape);
  const LocalDocuments documents(ring, args.mask.document_start);
  KeyValueRing blocks(ring, {args.k, args.v});
  for (int step = 0; step < size; ++step) {
    const KeyValues keys = blocks.Begin(step);
    const int owner = blocks.Owner(step);
    const VisibleBlock block = VisibleKeys(rank, owner, args.q.dim(1) / 2);
    const TensorView starts = documents.Of(owner);
    const AttentionForwardArgs sum = Restrict(all, block, keys, starts);
    if (step == 0) {
      AttentionForward(ring.compute, sum);  // every query sees its own key
    } else {
      const AttentionForwardArgs part = Restrict(share, block, keys, starts);
      AttentionForward(ring.compute, part);
      AttentionMerge(ring.compute, {.o = sum.o,
                                    .lse = sum.lse,
                                    .other_o = part.o,
                                    .other_lse = part.lse});
    }
    blocks.Finish();
  }
  if (args.o.dtype != DType::kFloat32) {
    Cast(ring.compute, {.to = args.o, .from = all.o});
  }
}

void RingAttentionBackward(const ContextRing& ring,
                           const AttentionBackwardArgs& args) {
  const int size = ring.size(), rank = ring.rank();
  if (size == 1) return AttentionBackward(ring.compute, args);
  CheckShared(args.mask, args.q, args.k);
  const ArenaScope scope(ring.arena);
  const auto float32_block = [&] {
    return Block(ring.arena, DType::kFloat32, args.k.shape);
  };
  const Block own = float32_block();
  const Block sums[2] = {float32_block(), float32_block()};
  FillZero(ring.compute, own.both);
  FillZero(ring.compute, sums[1].both);
  GradientSums gradients(ring, args);
  KeyValueRing blocks(ring, {args.k, args.v});
  // Own keys come in two parts: one while the first block arrives, the other,
  // with three quarters of the pairs, while the gradients come home.
  const int64_t length = args.q.dim(1) / 2;
  const Piece early = {0, length}, late = {length, length};
  gradients.Add({early, early, /*causal=*/true}, blocks.Begin(0), rank, own,
                Event());
  blocks.Finish();
  for (int step = 1; step <= size; ++step) {
    const KeyValues keys = blocks.Begin(step);
    const int owner = blocks.Owner(step);
    const Block& sum = sums[step % 2];
    const Event here =
        step == 1 ? Event() : Shift(ring, sums[(step - 1) % 2], sum);
    VisibleBlock block = VisibleKeys(rank, owner, length);
    if (owner == rank) block.queries = late;
    gradients.Add(block, keys, owner, sum, here);
    blocks.Finish();
  }
  const Block& home = sums[size % 2];
  Add(ring.compute, {.y = home.both, .x = own.both});
  Cast(ring.compute, {.to = args.dq, .from = gradients.dq()});
  Cast(ring.compute, {.to = args.dk, .from = home.k});
  Cast(ring.compute, {.to = args.dv, .from = home.v});
}

}  // namespace cogdist
