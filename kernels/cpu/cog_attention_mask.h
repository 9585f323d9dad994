// Which keys a tile of queries sees: the mask of kernels/cog_attention.h turned
// into key index ranges, once per call.

#ifndef COGDIST_KERNELS_CPU_COG_ATTENTION_MASK_H_
#define COGDIST_KERNELS_CPU_COG_ATTENTION_MASK_H_

#include <cstdint>

#include "kernels/cog_attention.h"

namespace cogdist::cpu {

inline constexpr int64_t kTileQueries = 64;
// Queries that share a key range inside a tile that the mask cuts.
inline constexpr int64_t kStripQueries = 32;
inline constexpr int64_t kTileStrips = kTileQueries / kStripQueries;

// Key indices [begin, end).
struct KeyRange {
  int32_t begin = 0;
  int32_t end = 0;
};

// The keys of 64 consecutive queries. Queries behind q_len see none.
struct QueryTileMask {
  // Query c sees the keys first[c] <= j < last[c]; 0 and 0 if there are none.
  int32_t first[kTileQueries];
  int32_t last[kTileQueries];
  KeyRange strip[kTileStrips];  // seen by some query of the strip
  KeyRange any;                 // seen by some query of the tile
  KeyRange all;                 // seen by every query of the tile
};

struct MaskShape {
  int64_t batch;
  int64_t q_len;
  int64_t kv_len;

  int64_t query_tiles() const {
    return (q_len + kTileQueries - 1) / kTileQueries;
  }
};

// Entries of the table: a sequence's tiles follow one another; without a
// document mask all sequences share the first one's.
int64_t MaskTiles(const AttentionMask& mask, const MaskShape& shape);

// The entry of a tile.
inline const QueryTileMask& MaskOf(const QueryTileMask* table,
                                   const AttentionMask& mask,
                                   const MaskShape& shape, int64_t sequence,
                                   int64_t tile) {
  return table[(mask.document_start ? sequence * shape.query_tiles() : 0) +
               tile];
}

// Fills table[0, MaskTiles()).
void FillMaskTable(QueryTileMask* table, const AttentionMask& mask,
                   const MaskShape& shape);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_COG_ATTENTION_MASK_H_
