#include "kernels/cpu/cog_attention_mask.h"

#include <algorithm>
#include <limits>

namespace cogdist::cpu {
namespace {

KeyRange KeysOfQuery(const AttentionMask& mask, const MaskShape& shape,
                     int64_t sequence, int64_t query) {
  int64_t first = 0;
  int64_t last = shape.kv_len;
  if (mask.causal) {
    last = std::min(last, mask.query_offset + query + 1 - mask.key_offset);
  }
  if (mask.document_start) {
    const TensorView& start = mask.document_start;
    const int64_t position =
        start.Data<int32_t>()[sequence * start.strides.dim(0) +
                              query * start.strides.dim(1)];
    first = std::max(first, position - mask.key_offset);
  }
  if (first >= last) return {};
  return {static_cast<int32_t>(first), static_cast<int32_t>(last)};
}

// What at least one query in columns [begin, end) sees.
KeyRange Union(const QueryTileMask& tile, int64_t begin, int64_t end) {
  KeyRange result = {std::numeric_limits<int32_t>::max(), 0};
  for (int64_t c = begin; c < end; ++c) {
    if (tile.first[c] == tile.last[c]) continue;
    result.begin = std::min(result.begin, tile.first[c]);
    result.end = std::max(result.end, tile.last[c]);
  }
  return result.end == 0 ? KeyRange{} : result;
}

void FillTile(QueryTileMask& tile, const AttentionMask& mask,
              const MaskShape& shape, int64_t sequence, int64_t first_query) {
  for (int64_t c = 0; c < kTileQueries; ++c) {
    const int64_t query = first_query + c;
    const KeyRange keys = query < shape.q_len
                              ? KeysOfQuery(mask, shape, sequence, query)
                              : KeyRange{};
    tile.first[c] = keys.begin;
    tile.last[c] = keys.end;
  }
  for (int64_t s = 0; s < kTileStrips; ++s) {
    tile.strip[s] = Union(tile, s * kStripQueries, (s + 1) * kStripQueries);
  }
  tile.any = Union(tile, 0, kTileQueries);
  tile.all.begin = *std::max_element(tile.first, tile.first + kTileQueries);
  tile.all.end = *std::min_element(tile.last, tile.last + kTileQueries);
}

}  // namespace

int64_t MaskTiles(const AttentionMask& mask, const MaskShape& shape) {
  return (mask.document_start ? shape.batch : 1) * shape.query_tiles();
}

void FillMaskTable(QueryTileMask* table, const AttentionMask& mask,
                   const MaskShape& shape) {
  const int64_t tiles = shape.query_tiles();
  const int64_t count = MaskTiles(mask, shape);
#pragma omp parallel for schedule(static) if (count > 64)
  for (int64_t i = 0; i < count; ++i) {
    FillTile(table[i], mask, shape, i / tiles, i % tiles * kTileQueries);
  }
}

}  // namespace cogdist::cpu
