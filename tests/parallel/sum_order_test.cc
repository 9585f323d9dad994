// Pairwise sums over ranks, bit by bit, against a plain tree on the host.

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "parallel/communicator.h"
#include "parallel/partition.h"
#include "runtime/rng.h"
#include "tests/parallel/collective_checks.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {
namespace {

// Of many magnitudes, so that every other order gives other bits.
template <typename T>
std::vector<T> Values(int rank, int64_t count) {
  const Rng normal(11, rank), scale(12, rank);
  std::vector<T> values(count);
  for (int64_t i = 0; i < count; ++i) {
    const int exponent = static_cast<int>(scale.Below(20, i)) - 10;
    values[i] = T(static_cast<float>(std::ldexp(normal.Normal(i), exponent)));
  }
  return values;
}

template <typename T>
std::vector<T> Added(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> sum(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    sum[i] = T(static_cast<float>(a[i]) + static_cast<float>(b[i]));
  }
  return sum;
}

// ((x0 + x1) + (x2 + x3)) + ...
template <typename T>
std::vector<T> Tree(int first, int ranks, int64_t count) {
  if (ranks == 1) return Values<T>(first, count);
  return Added(Tree<T>(first, ranks / 2, count),
               Tree<T>(first + ranks / 2, ranks / 2, count));
}

template <typename T>
std::vector<T> Part(const std::vector<T>& x, const ElementRange& range) {
  return std::vector<T>(x.begin() + range.begin, x.begin() + range.end());
}

template <typename T>
void CheckTree(TestRank& self, int64_t count) {
  const std::vector<T> expected = Tree<T>(0, self.size, count);
  std::vector<T> x = Values<T>(self.rank, count);
  self.world->AllReduceSum(*self.compute, Flat(x), SumOrder::kPairwise);
  self.compute->Synchronize();
  EXPECT_TRUE(SameBits(x, expected)) << self.size << " ranks, " << count;

  x = Values<T>(self.rank, count);
  const ElementRange even = EvenPart(count, self.size, self.rank);
  self.world->ReduceScatterSum(*self.compute, Flat(x), SumOrder::kPairwise);
  self.compute->Synchronize();
  EXPECT_TRUE(SameBits(Part(x, even), Part(expected, even)));

  x = Values<T>(self.rank, count);
  const std::vector<int64_t> borders = UnevenBorders(count, self.size);
  const ElementRange uneven = PartOf(borders, self.rank);
  self.world->ReduceScatterSum(*self.compute, Flat(x), borders,
                               SumOrder::kPairwise);
  self.compute->Synchronize();
  EXPECT_TRUE(SameBits(Part(x, uneven), Part(expected, uneven)));
}

class PairwiseSumTest : public ::testing::TestWithParam<int> {};

TEST_P(PairwiseSumTest, IsTheTreeWhateverTheMessages) {
  for (const int64_t chunk_bytes : {1, 64, 4096, 256 << 10}) {
    RunRanks(GetParam(), {.chunk_bytes = chunk_bytes, .turn_bytes = 1},
             [](TestRank& self) {
               for (const int64_t count : {1, 3, 8, 17, 1001}) {
                 CheckTree<float>(self, count);
                 CheckTree<BFloat16>(self, count);
               }
             });
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PairwiseSumTest,
                         ::testing::Values(1, 2, 4, 8, 16));

// The values do tell the orders apart.
TEST(SumOrderTest, RingDiffersFromPairwise) {
  RunRanks(8, [](TestRank& self) {
    std::vector<float> x = Values<float>(self.rank, 1001);
    self.world->AllReduceSum(*self.compute, Flat(x), SumOrder::kRing);
    self.compute->Synchronize();
    EXPECT_FALSE(SameBits(x, Tree<float>(0, 8, 1001)));
  });
}

// What makes bits independent of the number of ranks: half as many ranks that
// hold the sums of neighbours give the same.
TEST(SumOrderTest, NeighboursAddedBefore) {
  constexpr int64_t kCount = 777;
  std::vector<float> of_eight(kCount);
  RunRanks(8, [&](TestRank& self) {
    std::vector<float> x = Values<float>(self.rank, kCount);
    self.world->AllReduceSum(*self.compute, Flat(x), SumOrder::kPairwise);
    self.compute->Synchronize();
    if (self.rank == 3) of_eight = x;
  });
  for (const int ranks : {4, 2, 1}) {
    RunRanks(ranks, [&](TestRank& self) {
      const int held = 8 / self.size;
      std::vector<float> x = Tree<float>(self.rank * held, held, kCount);
      self.world->AllReduceSum(*self.compute, Flat(x), SumOrder::kPairwise);
      self.compute->Synchronize();
      EXPECT_TRUE(SameBits(x, of_eight)) << self.size;
    });
  }
}

// Ring and pairwise sums of two streams, under way at the same time.
TEST(SumOrderTest, TwoStreamsAtOnce) {
  RunRanks(4, {.chunk_bytes = 64, .turn_bytes = 1}, [](TestRank& self) {
    std::vector<float> x = Values<float>(self.rank, 3000), y = x, ring = x;
    self.world->AllReduceSum(*self.compute, Flat(ring));
    self.compute->Synchronize();
    std::vector<float> again = Values<float>(self.rank, 3000);
    self.world->AllReduceSum(*self.compute, Flat(x), SumOrder::kPairwise);
    self.world->AllReduceSum(*self.communication, Flat(again));
    self.world->AllReduceSum(*self.communication, Flat(y), SumOrder::kPairwise);
    self.communication->Synchronize();
    self.compute->Synchronize();
    EXPECT_TRUE(SameBits(x, Tree<float>(0, 4, 3000)));
    EXPECT_TRUE(SameBits(y, x));
    EXPECT_TRUE(SameBits(again, ring));
  });
}

TEST(SumOrderDeathTest, NeedsAPowerOfTwo) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  ThreadHub hub(3);
  HostCommunicator world(hub.Connect(0), device);
  std::vector<float> x(4);
  EXPECT_DEATH(world.AllReduceSum(*stream, Flat(x), SumOrder::kPairwise),
               "over 3 ranks, which is no power of two");
}

}  // namespace
}  // namespace cogdist::testing
