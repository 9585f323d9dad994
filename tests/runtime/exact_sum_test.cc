#include "runtime/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

using Limits = std::numeric_limits<double>;
__extension__ using Float128 = __float128;  // 113 bits

double SumOf(const std::vector<double>& numbers) {
  ExactSum sum;
  for (const double x : numbers) sum.Add(x);
  return sum.Value();
}

// Compares bits, so that -0 is not +0.
void ExpectSum(const std::vector<double>& numbers, double expected) {
  EXPECT_EQ(std::bit_cast<uint64_t>(SumOf(numbers)),
            std::bit_cast<uint64_t>(expected))
      << SumOf(numbers) << " instead of " << expected;
}

// Numbers of any exponent in [-range, range].
std::vector<double> Random(int count, int range, int seed) {
  std::mt19937_64 random(seed);
  std::vector<double> numbers(count);
  for (double& x : numbers) {
    const double mantissa = static_cast<double>(random() >> 11) * 0x1p-53;
    const int exponent = static_cast<int>(random() % (2 * range + 1)) - range;
    x = std::ldexp(random() % 2 == 0 ? mantissa : -mantissa, exponent);
  }
  return numbers;
}

TEST(ExactSumTest, OneNumberIsItself) {
  for (const double x :
       {1.0, 0.1, -0.1, Limits::max(), -Limits::max(), Limits::min(),
        Limits::denorm_min(), -Limits::denorm_min(),
        Limits::min() - Limits::denorm_min(), 0x1.fffffffffffffp-1, 0x1p31,
        0x1p32, 0x1p-1042, 0x1p-1043, 12345e-310}) {
    ExpectSum({x}, x);
  }
  for (int exponent = -1074; exponent <= 1023; ++exponent) {
    const double x = std::ldexp(1.0, exponent);
    ExpectSum({x}, x);
    if (exponent >= -1021) ExpectSum({x, -x / 2}, x / 2);
    ExpectSum({-std::nextafter(x, 2 * x)}, -std::nextafter(x, 2 * x));
  }
}

TEST(ExactSumTest, ZerosArePositive) {
  ExpectSum({}, 0.0);
  ExpectSum({-0.0}, 0.0);
  ExpectSum({0.1, -0.1}, 0.0);
}

TEST(ExactSumTest, RoundsOnceToNearestAndTiesToEven) {
  ExpectSum({1, 0x1p-53}, 1);
  ExpectSum({1 + 0x1p-52, 0x1p-53}, 1 + 0x1p-51);
  ExpectSum({1, 0x1p-53, Limits::denorm_min()}, 1 + 0x1p-52);
  ExpectSum({1, 0x1p-53, -Limits::denorm_min()}, 1);
  ExpectSum({-1, -0x1p-53, -Limits::denorm_min()}, -1 - 0x1p-52);
  ExpectSum({1, -0x1p-54}, 1);
  ExpectSum({1, -0x1p-54, -Limits::denorm_min()}, 1 - 0x1p-53);
}

TEST(ExactSumTest, LosesNothingToCancellation) {
  ExpectSum({1e308, 1, -1e308}, 1);
  ExpectSum({Limits::max(), Limits::denorm_min(), -Limits::max()},
            Limits::denorm_min());
  std::vector<double> numbers = Random(1000, 1000, 1);
  const size_t count = numbers.size();
  for (size_t i = 0; i < count; ++i) numbers.push_back(-numbers[i]);
  numbers.push_back(-0.1);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(2));
  ExpectSum(numbers, -0.1);
}

TEST(ExactSumTest, SubnormalsAddUp) {
  ExpectSum(std::vector<double>(1000, Limits::denorm_min()),
            1000 * Limits::denorm_min());
  ExpectSum({Limits::min(), -Limits::denorm_min()},
            Limits::min() - Limits::denorm_min());
}

TEST(ExactSumTest, OverflowsOnlyInTheEnd) {
  ExpectSum({Limits::max(), Limits::max()}, Limits::infinity());
  ExpectSum({-Limits::max(), -Limits::max()}, -Limits::infinity());
  ExpectSum({Limits::max(), Limits::max(), -Limits::max()}, Limits::max());
  ExpectSum(std::vector<double>(10000, Limits::max()), Limits::infinity());
  // Half a unit in the last place of max() is rounded up to infinity.
  ExpectSum({Limits::max(), 0x1p970}, Limits::infinity());
  ExpectSum({Limits::max(), 0x1p969}, Limits::max());
}

TEST(ExactSumTest, NonFiniteNumbersAsInFloat64) {
  const double inf = Limits::infinity();
  ExpectSum({1, inf, -1e308}, inf);
  ExpectSum({-inf, 5}, -inf);
  EXPECT_TRUE(std::isnan(SumOf({inf, 1, -inf})));
  EXPECT_TRUE(std::isnan(SumOf({Limits::quiet_NaN(), 1})));
  EXPECT_TRUE(std::isnan(SumOf({inf, Limits::quiet_NaN()})));
  ExactSum finite, infinite;
  finite.Add(1);
  infinite.Add(inf);
  finite.Merge(infinite);
  EXPECT_EQ(finite.Value(), inf);
}

// Sums of these fit 113 bits, so that the reference is exact until its only
// rounding, too.
TEST(ExactSumTest, AgreesWithWiderArithmetic) {
  for (int seed = 0; seed < 300; ++seed) {
    const std::vector<double> numbers = Random(1 + seed, 20, seed);
    Float128 expected = 0;
    for (const double x : numbers) expected += x;
    ExpectSum(numbers, static_cast<double>(expected));
  }
}

TEST(ExactSumTest, NeitherOrderNorPartsMatter) {
  std::vector<double> numbers = Random(2000, 1000, 7);
  for (double& x : numbers) x *= 0x1p-40;  // some subnormal, none infinite
  const double expected = SumOf(numbers);
  std::mt19937_64 random(3);
  for (int run = 0; run < 20; ++run) {
    std::shuffle(numbers.begin(), numbers.end(), random);
    ExpectSum(numbers, expected);
    std::vector<ExactSum> ranks(7);
    for (const double x : numbers) ranks[random() % ranks.size()].Add(x);
    ExactSum merged;
    for (const ExactSum& rank : ranks) merged.Merge(rank);
    EXPECT_EQ(merged.Value(), expected);
    // As an all-reduce of 64-bit integers does it.
    for (size_t i = 1; i < ranks.size(); ++i) {
      for (int word = 0; word < ExactSum::kWords; ++word) {
        ranks[0].words()[word] += ranks[i].words()[word];
      }
    }
    EXPECT_EQ(ranks[0].Value(), expected);
  }
}

// 2^41 additions: what is merged with itself doubles.
TEST(ExactSumTest, ManyAdditionsDoNotOverflowTheDigits) {
  for (const double x : {Limits::max() / 0x1p50, -0x1.fffffffffffffp31}) {
    ExactSum sum;
    for (int i = 0; i < 2048; ++i) sum.Add(x);
    for (int i = 0; i < 30; ++i) sum.Merge(ExactSum(sum));
    EXPECT_EQ(sum.Value(), x * 0x1p41);
  }
}

// Words of 2^20 ranks that all have the largest digits.
TEST(ExactSumTest, WordsOfManyRanksFit) {
  ExactSum sum;
  sum.Add(-Limits::denorm_min());  // all digits full but the last, which is -1
  sum.Add(1);
  for (int64_t& word : sum.words()) word *= int64_t{1} << 20;
  sum.Add(-0x1p20);
  EXPECT_EQ(sum.Value(), -0x1p20 * Limits::denorm_min());
}

}  // namespace
}  // namespace cogdist
