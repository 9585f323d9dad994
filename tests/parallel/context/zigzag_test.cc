#include "parallel/context/zigzag.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

// The positions of a rank's tokens, in the order of its local sequence.
std::vector<int64_t> Positions(const std::vector<Piece>& pieces) {
  std::vector<int64_t> positions;
  for (const Piece& piece : pieces) {
    for (int64_t i = 0; i < piece.length; ++i) {
      positions.push_back(piece.offset + i);
    }
  }
  return positions;
}

TEST(ZigzagTest, PiecesByHand) {
  EXPECT_THAT(ZigzagPieces(12, 1, 0), ElementsAre(Piece{0, 12}));
  EXPECT_THAT(ZigzagPieces(7, 1, 0), ElementsAre(Piece{0, 7}));
  EXPECT_THAT(ZigzagPieces(12, 2, 0), ElementsAre(Piece{0, 3}, Piece{9, 3}));
  EXPECT_THAT(ZigzagPieces(12, 2, 1), ElementsAre(Piece{3, 3}, Piece{6, 3}));
  EXPECT_THAT(ZigzagPieces(12, 3, 2), ElementsAre(Piece{4, 2}, Piece{6, 2}));
}

TEST(ZigzagTest, EveryTokenIsHeldOnce) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    const int64_t seq = 2 * ranks * 5;
    std::vector<int> held(seq);
    for (int rank = 0; rank < ranks; ++rank) {
      for (const int64_t p : Positions(ZigzagPieces(seq, ranks, rank))) {
        ++held[p];
      }
    }
    EXPECT_THAT(held, testing::Each(1));
  }
}

TEST(ZigzagTest, RefusesWhatCannotBeCut) {
  EXPECT_DEATH(ZigzagPieces(10, 2, 0), "10 tokens in 4 chunks");
  EXPECT_DEATH(ZigzagPieces(8, 2, 2), "no rank 2 of 2");
}

TEST(ZigzagTest, GathersEverySequence) {
  std::vector<int32_t> whole(2 * 8);
  std::iota(whole.begin(), whole.end(), 0);
  std::vector<int32_t> local(2 * 4);
  GatherPieces(absl::MakeSpan(local), whole, ZigzagPieces(8, 2, 0));
  EXPECT_THAT(local, ElementsAre(0, 1, 6, 7, 8, 9, 14, 15));
  GatherPieces(absl::MakeSpan(local), whole, ZigzagPieces(8, 2, 1));
  EXPECT_THAT(local, ElementsAre(2, 3, 4, 5, 10, 11, 12, 13));
  std::vector<int32_t> all(16);
  GatherPieces(absl::MakeSpan(all), whole, ZigzagPieces(8, 1, 0));
  EXPECT_EQ(all, whole);
  GatherPieces({}, {}, ZigzagPieces(8, 2, 1));
}

TEST(ZigzagTest, VisibleKeysAreTheCausalOnes) {
  constexpr int64_t kLength = 3;
  for (const int ranks : {2, 3, 4, 7}) {
    const int64_t seq = 2 * ranks * kLength;
    for (int rank = 0; rank < ranks; ++rank) {
      for (int owner = 0; owner < ranks; ++owner) {
        SCOPED_TRACE(absl::StrCat(owner, " seen by ", rank, " of ", ranks));
        const auto queries = Positions(ZigzagPieces(seq, ranks, rank));
        const auto keys = Positions(ZigzagPieces(seq, ranks, owner));
        const VisibleBlock block = VisibleKeys(rank, owner, kLength);
        for (int64_t i = 0; i < 2 * kLength; ++i) {
          for (int64_t j = 0; j < 2 * kLength; ++j) {
            const bool inside =
                i >= block.queries.offset &&
                i < block.queries.offset + block.queries.length &&
                j >= block.keys.offset &&
                j < block.keys.offset + block.keys.length;
            EXPECT_EQ(inside && (!block.causal || j <= i),
                      keys[j] <= queries[i]);
          }
        }
      }
    }
  }
}

TEST(ZigzagTest, CausalWorkIsEqual) {
  for (const int ranks : {2, 3, 4, 7}) {
    const int64_t seq = 2 * ranks * 5;
    for (int rank = 0; rank < ranks; ++rank) {
      int64_t pairs = 0;  // the query at p sees p + 1 keys
      for (const int64_t p : Positions(ZigzagPieces(seq, ranks, rank))) {
        pairs += p + 1;
      }
      EXPECT_EQ(pairs, seq * (seq + 1) / 2 / ranks);
    }
  }
}

}  // namespace
}  // namespace cogdist
