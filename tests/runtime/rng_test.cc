#include "runtime/rng.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers that its authors publish with Random123; the third uses
// the digits of pi as counter and key.
TEST(PhiloxTest, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RngTest, EveryArgumentCounts) {
  std::set<uint64_t> seen;
  for (const uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (const uint64_t stream : {0ull, 1ull, 1ull << 32}) {
      for (const uint64_t index : {0ull, 1ull, 1ull << 32}) {
        seen.insert(Rng(seed, stream).Bits(index));
      }
    }
  }
  EXPECT_EQ(seen.size(), 27u);
}

TEST(RngTest, NamesAreStreamsThatStayTheSame) {
  // FNV-1a's published value for "a".
  EXPECT_EQ(Rng(5, "a").Bits(3), Rng(5, 0xaf63dc4c8601ec8cu).Bits(3));
  EXPECT_NE(Rng(5, "a").Bits(3), Rng(5, "b").Bits(3));
}

TEST(RngTest, UniformStaysInItsRangeWithTheRightMoments) {
  const Rng rng(1, uint64_t{2});
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double u = rng.Uniform(i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 5e-3);
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 5e-3);
}

TEST(RngTest, BelowCoversEveryValueEvenly) {
  const Rng rng(1, uint64_t{3});
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[rng.Below(7, i)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(rng.Below(1, 12), 0u);
  EXPECT_GT(rng.Below(~uint64_t{0}, 1), 0u);
}

TEST(RngTest, NormalHasTheMomentsOfANormal) {
  const Rng rng(1, uint64_t{4});
  constexpr int kCount = 200000;
  double moments[5] = {};
  double neighbours = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.Normal(i);
    ASSERT_TRUE(std::isfinite(x));
    double power = 1;
    for (double& moment : moments) {
      moment += power / kCount;
      power *= x;
    }
    neighbours += x * rng.Normal(i + 1) / kCount;
  }
  EXPECT_NEAR(moments[1], 0, 0.01);
  EXPECT_NEAR(moments[2], 1, 0.015);
  EXPECT_NEAR(moments[3], 0, 0.03);
  EXPECT_NEAR(moments[4], 3, 0.1);
  EXPECT_NEAR(neighbours, 0, 0.01);
}

TEST(RngTest, FillNormalGivesTheSameNumbers) {
  const Rng rng(9, "weights");
  for (const auto& [first, count] : std::vector<std::pair<uint64_t, size_t>>{
           {6, 0}, {6, 1}, {6, 2}, {6, 7}, {6, 8}, {5, 0}, {5, 1}, {5, 6}}) {
    std::vector<float> filled(count);
    rng.FillNormal(absl::MakeSpan(filled), first, /*std=*/0.02);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(filled[i], static_cast<float>(0.02 * rng.Normal(first + i)));
    }
  }
}

}  // namespace
}  // namespace cogdist
