// Multi-head attention with rotary positions and grouped key/value heads.

#ifndef COGDIST_MODELS_ATTENTION_H_
#define COGDIST_MODELS_ATTENTION_H_

#include <string>

#include "absl/types/span.h"
#include "kernels/cog_attention.h"
#include "models/layer.h"
#include "models/parallel_linear.h"
#include "models/sharded_rows.h"
#include "parallel/context/zigzag.h"

namespace cogdist {

// Where the rows of an activation stand in their sequences.
struct SequenceLayout {
  int64_t batch = 0;
  int64_t seq = 0;  // tokens of each sequence that this rank holds
  // Which of the whole sequence's these are, in order; all where empty.
  absl::Span<const Piece> pieces;
  TensorView document_start;  // [batch, seq] int32; optional
  TensorView rope_table;      // see kernels/rope.h

  int64_t rows() const { return batch * seq; }
};

// Keys and values of the tokens seen so far, for generation.
struct KeyValueCache {
  TensorView k, v;     // [batch, max_seq, kv_heads, head_dim]
  int64_t length = 0;  // tokens that are filled in
};

// From [held rows, hidden] to [held rows, hidden], causal. Queries, keys and
// values are one stacked matrix; the kernels read them from its output where
// they lie.
//
// A tensor group shares the heads out evenly. Where it has more ranks than
// there are key/value heads, a rank holds the one that its query heads use,
// with the part of its gradient that comes from them.
class Attention {
 public:
  struct Config {
    int64_t hidden = 0;
    int64_t heads = 0;
    int64_t kv_heads = 0;
    int64_t head_dim = 0;
    AttentionKind kind = AttentionKind::kCog;
    double init_std = 0;
    double output_init_std = 0;
  };

  // What Backward needs beside the layer's input. Heads are those of this rank.
  struct Saved {
    TensorView qkv;  // [rows, (heads + 2 kv_heads) * head_dim], rotated
    TensorView o;    // [rows, heads * head_dim]
    TensorView lse;  // [batch, heads, seq]
  };

  // Parameters are registered as `prefix`.{q,k,v,o}_proj.weight. REQUIRES: the
  // tensor degree divides heads, and divides kv_heads or is a multiple of them.
  Attention(const ParamRegistry& registry, const std::string& prefix,
            const Config& config);

  // y = Wo attention(x).
  Saved Forward(const LayerContext& ctx, TensorView y, const ShardedRows& x,
                const SequenceLayout& layout) const;

  // x: the input of Forward, kept or made again.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                const ShardedRows& x, const Saved& saved,
                const SequenceLayout& layout) const;

  // Forward for the next layout.seq tokens of sequences whose earlier tokens
  // are in `cache`, which takes the new keys and values in; its length is the
  // caller's to advance. REQUIRES: no tensor parallelism.
  void Decode(const LayerContext& ctx, TensorView y, TensorView x,
              const SequenceLayout& layout, const KeyValueCache& cache) const;

 private:
  // Views of a projection, or of its gradient, by what they are.
  struct Heads {
    TensorView q, k, v;  // [batch, seq, heads or kv_heads, head_dim]
  };
  // [batch, seq, heads + 2 kv_heads, head_dim]
  TensorView AllHeads(TensorView qkv, const SequenceLayout& layout) const;
  Heads Split(TensorView qkv, const SequenceLayout& layout) const;
  // Turns the queries and keys of a projection by their positions, or back.
  void Rotate(const LayerContext& ctx, TensorView qkv,
              const SequenceLayout& layout, int64_t first_position,
              bool inverse) const;
  int64_t qkv_width() const {
    return (config_.heads + 2 * config_.kv_heads) * config_.head_dim;
  }
  int64_t o_width() const { return config_.heads * config_.head_dim; }

  Config config_;  // its heads and kv_heads are those of this rank
  ColumnParallelLinear qkv_proj_;
  RowParallelLinear o_proj_;
  float scale_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_ATTENTION_H_
