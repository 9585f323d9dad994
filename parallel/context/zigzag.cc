#include "parallel/context/zigzag.h"

#include <algorithm>

#include "runtime/check.h"

namespace cogdist {

std::vector<Piece> ZigzagPieces(int64_t seq, int ranks, int rank) {
  COG_CHECK(rank >= 0 && rank < ranks, "no rank ", rank, " of ", ranks);
  if (ranks == 1) return {{0, seq}};
  const int64_t chunks = 2 * ranks;
  COG_CHECK(seq % chunks == 0, seq, " tokens in ", chunks, " chunks");
  const int64_t length = seq / chunks;
  return {{rank * length, length}, {(chunks - 1 - rank) * length, length}};
}

void GatherPieces(absl::Span<int32_t> local, absl::Span<const int32_t> whole,
                  absl::Span<const Piece> pieces) {
  int64_t held = 0;
  for (const Piece& piece : pieces) held += piece.length;
  if (held == 0) return;
  const int64_t batch = local.size() / held;
  COG_CHECK_EQ(batch * held, static_cast<int64_t>(local.size()));
  const int64_t seq = batch == 0 ? 0 : whole.size() / batch;
  COG_CHECK_EQ(batch * seq, static_cast<int64_t>(whole.size()));
  int32_t* to = local.data();
  for (int64_t b = 0; b < batch; ++b) {
    for (const Piece& piece : pieces) {
      COG_CHECK_LE(piece.offset + piece.length, seq);
      to = std::copy_n(whole.data() + b * seq + piece.offset, piece.length, to);
    }
  }
}

VisibleBlock VisibleKeys(int rank, int owner, int64_t piece_length) {
  const Piece early = {0, piece_length};
  const Piece late = {piece_length, piece_length};
  const Piece both = {0, 2 * piece_length};
  // The pieces are held in the order of their positions.
  if (owner == rank) return {both, both, /*causal=*/true};
  // Chunks in order: owner | rank | rank | owner, or rank | owner | owner |
  // rank.
  if (owner < rank) return {both, early};
  return {late, both};
}

}  // namespace cogdist
