// Work on one tile of attention, vectorised for the processor at hand: small
// matrix products, packing, and the element-wise passes between the products.
//
// Packed operands consist of 4-byte cells. A cell holds one float32 or two
// bfloat16 that lie next to each other along the summed dimension, which is
// what the processors' bfloat16 dot products take. With c = elements_per_cell:
//   a left operand  is [rows, depth / c] cells, row-major;
//   a right operand is [depth / c, columns] cells, row-major.
// The two elements of a cell are neighbours (2i, 2i + 1), or, where the summed
// dimension are the queries of a backward tile, 16 apart (i, i + 16): then two
// vectors of a row become cells without a shuffle.
//
// head_dim is padded with zeros to a multiple of 16 (Padded()); all pointers
// into packed memory are multiples of 64 bytes apart from column offsets.

#ifndef COGDIST_KERNELS_CPU_COG_ATTENTION_TILE_H_
#define COGDIST_KERNELS_CPU_COG_ATTENTION_TILE_H_

#include <cstdint>

#include "kernels/cog_attention.h"
#include "kernels/cpu/cog_attention_mask.h"

namespace cogdist::cpu {

// Distance of the two queries of a cell, and the unit of padding.
inline constexpr int64_t kCellStride = 16;

inline int64_t Padded(int64_t head_dim) {
  return (head_dim + kCellStride - 1) / kCellStride * kCellStride;
}

// c = left right [+ column_scale c]; float32 sums in the order of the depth.
struct TileProduct {
  float* c = nullptr;  // [rows, columns], rows `c_stride` apart
  int64_t c_stride = 0;
  const float* left = nullptr;  // cells
  int64_t left_stride = 0;
  const float* right = nullptr;  // cells
  int64_t right_stride = 0;
  int64_t rows = 0;     // any
  int64_t columns = 0;  // a multiple of 16
  int64_t cells = 0;    // depth / elements_per_cell
  bool accumulate = false;
  const float* column_scale = nullptr;  // [columns]; needs accumulate
};

// Rows of a tensor: `rows` of `width` elements, `stride` elements apart.
struct TileRows {
  void* data;
  DType dtype;
  int64_t stride;
  int64_t rows;
  int64_t width;
};

// Scores of keys [row_begin, row_end) for queries [column, column + columns)
// of a tile; row indices and the arrays per query count from the tile's start.
struct TileRegion {
  int64_t row_begin;  // even
  int64_t row_end;    // even
  int64_t column;
  int64_t columns;
  // Query c sees the rows first[c] <= row + key_begin < last[c]; null if all
  // see all.
  const QueryTileMask* mask;
  int64_t key_begin;
};

// One step of the online softmax over the scores s of a region.
struct ForwardPass {
  TileRegion region;
  float scale;        // c * log2(e)
  const float* s;     // [keys, 64]
  float* p;           // right operand [keys / cell, 64]: sign(s) w; may be s
  float* maximum;     // [64] of |s| (Cog) or s (softmax); updated
  float* sum;         // [64] of w; updated
  float* correction;  // [64] what earlier sums and outputs are scaled by
};

// dS = |A| G - A D over a region, with A = sign(S) exp2(scale |S| - lse).
struct BackwardPass {
  TileRegion region;
  float scale;
  const float* s;      // [row_end - row_begin, 64], from row_begin
  const float* g;      // likewise: dO V^T
  const float* lse;    // [64] in units of log2
  const float* delta;  // [64] D = dO . O
  // All from row 0 of the tile:
  float* a;         // left operand [keys, 64 / cell], cells 16 queries apart
  float* ds;        // left operand, likewise
  float* ds_right;  // right operand [keys / cell, 64]
};

struct TileOps {
  int64_t elements_per_cell;
  void (*product)(const TileProduct&);
  void (*forward[2])(const ForwardPass&);    // by AttentionKind
  void (*backward[2])(const BackwardPass&);  // by AttentionKind

  // Packs rows of a tensor: to [padded_rows, Padded(width) / cell], neighbours
  // along the width in one cell, zeros around.
  void (*pack_rows)(float* to, const TileRows& from, int64_t padded_rows);
  // From packed rows [rows, width / cell] (both multiples of 16, rows of 32):
  // to the right operand [width / cell, rows], summed over the width;
  void (*transpose)(float* to, const float* from, int64_t rows, int64_t width);
  // to the left operand [width, rows / cell], neighbouring rows in one cell;
  void (*transpose_pairs)(float* to, const float* from, int64_t rows,
                          int64_t width);
  // to the right operand [rows / cell, width], rows 16 apart in one cell.
  void (*pair_rows)(float* to, const float* from, int64_t rows, int64_t width);

  // to[i, d] = factor[i] from[d, i]; from is [width, 64].
  void (*store_transposed)(const TileRows& to, const float* from,
                           const float* factor);
  // to[i, d] = factor from[i, d]; from's rows are Padded(width) apart.
  void (*store_rows)(const TileRows& to, const float* from, float factor);
  // to[i] = a[i] . b[i]
  void (*row_dots)(float* to, const TileRows& a, const TileRows& b);
};

// The operations for inputs of type `dtype` on this processor. bfloat16 inputs
// are widened to float32 cells where it has no bfloat16 dot product.
TileOps TileOpsFor(DType dtype);

// The product on bfloat16 cells by the processor's own instruction, or null.
using TileProductFunction = void (*)(const TileProduct&);
TileProductFunction FindBf16Product();

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_COG_ATTENTION_TILE_H_
