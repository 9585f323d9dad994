// What the forward and the backward pass of fused attention share: extents,
// rows of tensors, scratch memory.
//
// Work is cut into groups: one key/value head of one sequence with the query
// heads that read it. Groups are taken in waves, as many at a time as have
// their packed operands stay near the processor.

#ifndef COGDIST_KERNELS_CPU_COG_ATTENTION_PROBLEM_H_
#define COGDIST_KERNELS_CPU_COG_ATTENTION_PROBLEM_H_

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/cog_attention_tile.h"

namespace cogdist::cpu {

// Keys of one tile of scores.
inline constexpr int64_t kTileKeys = 128;

struct AttentionProblem {
  AttentionProblem(const TensorView& q, const TensorView& k,
                   const AttentionMask& mask)
      : ops(TileOpsFor(q.dtype)),
        mask(mask),
        shape{q.dim(0), q.dim(1), k.dim(1)},
        heads(q.dim(2)),
        kv_heads(k.dim(2)),
        padded(Padded(q.dim(3))) {}

  int64_t groups() const { return shape.batch * kv_heads; }
  int64_t group_heads() const { return heads / kv_heads; }
  int64_t query_tiles() const { return shape.query_tiles(); }
  int64_t key_tiles() const {
    return (shape.kv_len + kTileKeys - 1) / kTileKeys;
  }
  // Keys of a tile, rounded up to whole cells.
  int64_t TileRowCount(int64_t key_tile) const {
    return std::min(kTileKeys, shape.kv_len - key_tile * kTileKeys + 1) & ~1;
  }
  // float32-sized cells of `rows` packed rows of head_dim.
  int64_t RowCells(int64_t rows) const {
    return rows * padded / ops.elements_per_cell;
  }

  TileOps ops;
  const AttentionMask& mask;
  MaskShape shape;
  int64_t heads;
  int64_t kv_heads;
  int64_t padded;  // head_dim, padded
};

// Elements [first, first + rows) along the sequence of one head of
// x [batch, seq, heads, head_dim], cut off at the sequence's end.
inline TileRows HeadRows(const TensorView& x, int64_t sequence, int64_t head,
                         int64_t first, int64_t rows) {
  const int64_t offset = sequence * x.strides.dim(0) +
                         first * x.strides.dim(1) + head * x.strides.dim(2);
  return {.data = static_cast<char*>(x.data) + offset * SizeOf(x.dtype),
          .dtype = x.dtype,
          .stride = x.strides.dim(1),
          .rows = std::min(rows, x.dim(1) - first),
          .width = x.dim(3)};
}

// Deals out memory from `base` in pieces aligned to cache lines. With a null
// base it only adds up.
class Scratch {
 public:
  explicit Scratch(void* base) : base_(static_cast<char*>(base)) {}

  template <typename T = float>
  T* Take(int64_t count) {
    char* const result = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (count * static_cast<int64_t>(sizeof(T)) + 63) & ~int64_t{63};
    return reinterpret_cast<T*>(result);
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

// Groups that one wave takes.
inline int64_t WaveGroups(int64_t groups, int64_t bytes_of_group) {
  constexpr int64_t kWaveBytes = int64_t{8} << 20;
  return std::clamp<int64_t>(kWaveBytes / std::max<int64_t>(bytes_of_group, 1),
                             1, std::max<int64_t>(groups, 1));
}

// A part of a tile of scores whose queries have a key range in common.
struct TileStrip {
  int64_t column;
  int64_t columns;
  int64_t row_begin;  // even, as row_end
  int64_t row_end;
  bool masked;

  TileRegion Region(const QueryTileMask& mask, int64_t key_begin) const {
    return {row_begin, row_end, column, columns, masked ? &mask : nullptr,
            key_begin};
  }
};

// Calls f(strip) for the parts of a tile that are seen at all: the rows that
// all queries see at once, the rows before and behind them in strips of
// kStripQueries.
template <typename F>
void ForEachStrip(const QueryTileMask& mask, int64_t key_begin, int64_t rows,
                  const F& f) {
  // Rounded to whole cells.
  const auto row = [&](int64_t key) {
    return std::clamp<int64_t>(key - key_begin, 0, rows);
  };
  const int64_t all_begin = (row(mask.all.begin) + 1) & ~1;
  const int64_t all_end = std::max(row(mask.all.end) & ~1, all_begin);
  if (all_begin < all_end) {
    f(TileStrip{0, kTileQueries, all_begin, all_end, false});
  }
  for (int64_t s = 0; s < kTileStrips; ++s) {
    const int64_t column = s * kStripQueries;
    const int64_t begin = row(mask.strip[s].begin) & ~1;
    const int64_t end = (row(mask.strip[s].end) + 1) & ~1;
    const auto masked = [&](int64_t first, int64_t last) {
      if (first >= last) return;
      f(TileStrip{column, kStripQueries, first, last, true});
    };
    if (all_begin == all_end) {
      masked(begin, end);
    } else {
      masked(begin, all_begin);
      masked(all_end, end);
    }
  }
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_COG_ATTENTION_PROBLEM_H_
