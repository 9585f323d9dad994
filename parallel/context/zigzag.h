// How context parallelism cuts a sequence, so that causal attention is the same
// work on every rank.
//
// T tokens are cut into 2c chunks of T / 2c for c ranks; rank r holds chunk r
// and chunk 2c-1-r, early tokens that see few keys and late ones that see many:
//   c = 2:   rank 0 | rank 1 | rank 1 | rank 0
// The pieces lie one behind the other in the rank's local sequence. Of another
// rank's keys, a rank then sees a rectangle without a causal edge, and all
// rectangles are equally large: see VisibleKeys().

#ifndef COGDIST_PARALLEL_CONTEXT_ZIGZAG_H_
#define COGDIST_PARALLEL_CONTEXT_ZIGZAG_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace cogdist {

// Tokens [offset, offset + length) of a sequence.
struct Piece {
  int64_t offset = 0;
  int64_t length = 0;

  friend bool operator==(const Piece&, const Piece&) = default;
};

// What rank `rank` of `ranks` holds of a sequence of `seq` tokens, in the order
// in which it holds them: two pieces, or all of it where there is one rank.
// REQUIRES: ranks == 1 or seq % (2 * ranks) == 0.
std::vector<Piece> ZigzagPieces(int64_t seq, int ranks, int rank);

// Collects the tokens of `pieces` of each sequence:
//   whole [batch, seq]  ->  local [batch, sum of the pieces' lengths].
void GatherPieces(absl::Span<int32_t> local, absl::Span<const int32_t> whole,
                  absl::Span<const Piece> pieces);

// Queries and keys that attention has to bring together, as parts of the local
// sequences of the rank that has the queries and of the keys' owner.
struct VisibleBlock {
  Piece queries;
  Piece keys;
  // Query i sees the keys j <= i, by index in the local sequences; else all.
  bool causal = false;
};

// What the queries of rank `rank` see of the keys of rank `owner`, where each
// holds two pieces of `piece_length` tokens.
VisibleBlock VisibleKeys(int rank, int owner, int64_t piece_length);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CONTEXT_ZIGZAG_H_
