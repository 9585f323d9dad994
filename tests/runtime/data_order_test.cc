// Permutations, mixtures and the sample order made of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "runtime/data/mixture.h"
#include "runtime/data/permutation.h"
#include "runtime/data/sample_order.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

std::vector<int64_t> Values(int64_t size, uint64_t seed, uint64_t stream) {
  const Permutation permutation(size, seed, stream);
  std::vector<int64_t> values;
  for (int64_t i = 0; i < size; ++i) values.push_back(permutation.Forward(i));
  return values;
}

TEST(PermutationTest, IsABijection) {
  std::vector<int64_t> sizes(130);
  for (int64_t i = 0; i < 130; ++i) sizes[i] = i + 1;
  for (const int64_t size : {255, 256, 257, 1000, 4095, 4096, 4097, 100003}) {
    sizes.push_back(size);
  }
  for (const int64_t size : sizes) {
    const std::vector<int64_t> values = Values(size, 7, size);
    const std::set<int64_t> distinct(values.begin(), values.end());
    EXPECT_EQ(static_cast<int64_t>(distinct.size()), size);
    EXPECT_EQ(*distinct.begin(), 0);
    EXPECT_EQ(*distinct.rbegin(), size - 1);
  }
}

TEST(PermutationTest, HasNoCollisionsInHugeDomains) {
  for (const int64_t size : {(int64_t{1} << 31) + 1, (int64_t{1} << 40) - 3,
                             std::numeric_limits<int64_t>::max()}) {
    const Permutation permutation(size, 1, 2);
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 5000; ++i) {
      for (const int64_t index : {i, size - 1 - i}) {
        const int64_t value = permutation.Forward(index);
        EXPECT_TRUE(value >= 0 && value < size);
        EXPECT_TRUE(seen.insert(value).second);
      }
    }
  }
}

TEST(PermutationTest, DependsOnSeedAndStream) {
  EXPECT_EQ(Values(100, 1, 1), Values(100, 1, 1));
  EXPECT_NE(Values(100, 1, 1), Values(100, 2, 1));
  EXPECT_NE(Values(100, 1, 1), Values(100, 1, 2));
}

// Every ordered pair is equally likely at the first two positions; chi-square
// with a bound five deviations above its mean.
TEST(PermutationTest, PairsAreUniform) {
  constexpr int kTrials = 40000;
  for (const int64_t size : {2, 3, 5, 8, 17}) {
    std::vector<int> count(size * size);
    for (int trial = 0; trial < kTrials; ++trial) {
      const Permutation permutation(size, trial, 0);
      ++count[permutation.Forward(0) * size + permutation.Forward(1)];
    }
    const double cells = static_cast<double>(size * (size - 1));
    double chi_square = 0;
    for (int64_t i = 0; i < size * size; ++i) {
      if (i / size == i % size) continue;
      chi_square += std::pow(count[i] - kTrials / cells, 2) * cells / kTrials;
    }
    const double freedom = cells - 1;
    EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom)) << size;
  }
}

// A shuffled order has about one neighbour pair (i, i + 1) left, whatever the
// size, and no correlation between index and value.
TEST(PermutationTest, LooksShuffled) {
  const int64_t size = 10000;
  const std::vector<int64_t> values = Values(size, 3, 3);
  int kept = 0;
  double correlation = 0;
  for (int64_t i = 0; i + 1 < size; ++i) {
    kept += values[i + 1] == values[i] + 1;
    correlation += (i / 1e4 - 0.5) * (values[i] / 1e4 - 0.5);
  }
  EXPECT_LT(kept, 8);
  EXPECT_LT(std::abs(correlation * 12 / size), 0.05);
}

TEST(MixtureTest, CountsDrawsAndKeepsTheShares) {
  const std::vector<std::vector<double>> mixtures = {{1},
                                                     {0.5, 0.5},
                                                     {3, 1},
                                                     {0.7, 0.2, 0.1},
                                                     {1e-3, 5, 1, 1, 1},
                                                     {1, 1, 1, 1, 1, 1, 1}};
  for (const auto& weights : mixtures) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    for (const uint64_t seed : {1, 2, 99}) {
      const absl::StatusOr<Mixture> mixture = Mixture::Create(weights, seed);
      ASSERT_TRUE(mixture.ok()) << mixture.status();
      std::vector<int64_t> drawn(weights.size());
      for (int64_t n = 0; n < 20000; ++n) {
        const Mixture::Draw draw = mixture->At(n);
        ASSERT_EQ(draw.index, drawn[draw.dataset]++);
        for (size_t d = 0; d < weights.size(); ++d) {
          ASSERT_NEAR(drawn[d], (n + 1) * weights[d] / sum, 5);
        }
      }
    }
  }
}

TEST(MixtureTest, GoesOnAfterItsPeriod) {
  const std::vector<double> weights = {0.6, 0.3, 0.1};
  const absl::StatusOr<Mixture> mixture = Mixture::Create(weights, 5);
  for (const int64_t period : {int64_t{1} << 31, int64_t{1} << 45}) {
    std::vector<int64_t> next(3, -1);
    for (int64_t n = period - 1000; n < period + 1000; ++n) {
      const Mixture::Draw draw = mixture->At(n);
      int64_t& expected = next[draw.dataset];
      if (expected >= 0) {
        ASSERT_EQ(draw.index, expected);
      }
      expected = draw.index + 1;
      EXPECT_NEAR(draw.index, n * weights[draw.dataset], period * 1e-9 + 5);
    }
  }
}

TEST(MixtureTest, SeedsGiveDifferentOrders) {
  const std::vector<double> weights = {1, 1};
  const absl::StatusOr<Mixture> a = Mixture::Create(weights, 1);
  const absl::StatusOr<Mixture> b = Mixture::Create(weights, 4);
  int different = 0;
  for (int n = 0; n < 100; ++n) {
    different += a->At(n).dataset != b->At(n).dataset;
  }
  EXPECT_GT(different, 0);
}

TEST(MixtureTest, RefusesBadWeights) {
  const double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::vector<double>> bad = {
      {},          {0},        {1, 0},        {1, -1}, {1, std::nan("")},
      {kInfinity}, {1, 1e-12}, {1e308, 1e308}};
  for (const auto& weights : bad) {
    const absl::Status status = Mixture::Create(weights, 0).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  EXPECT_THAT(Mixture::Create({1, -2}, 0).status().ToString(),
              HasSubstr("dataset 1"));
  EXPECT_THAT(Mixture::Create({1, 1e-12, 1}, 0).status().ToString(),
              HasSubstr("dataset 1"));
}

SampleOrder Order(std::vector<int64_t> windows,
                  const std::vector<double>& weights, bool shuffle) {
  return SampleOrder(std::move(windows), *Mixture::Create(weights, 11), shuffle,
                     11);
}

TEST(SampleOrderTest, OneDatasetInFileOrder) {
  const SampleOrder order = Order({7}, {1}, false);
  for (int64_t n = 0; n < 50; ++n) EXPECT_EQ(order.At(n).window, n % 7);
}

// Each dataset, whatever its weight, is read to its end before it starts again.
TEST(SampleOrderTest, EveryWindowOnceInEachEpoch) {
  const std::vector<int64_t> windows = {101, 7, 40};
  for (const bool shuffle : {false, true}) {
    const SampleOrder order = Order(windows, {0.5, 0.3, 0.2}, shuffle);
    EXPECT_EQ(order.num_windows(), 148);
    std::vector<std::vector<int64_t>> read(3);
    for (int64_t n = 0; n < 2000; ++n) {
      const SampleOrder::Sample sample = order.At(n);
      read[sample.dataset].push_back(sample.window);
    }
    for (int d = 0; d < 3; ++d) {
      std::set<std::vector<int64_t>> epochs;
      const auto size = static_cast<size_t>(windows[d]);
      for (size_t i = 0; i + size <= read[d].size(); i += size) {
        const std::vector<int64_t> epoch(read[d].begin() + i,
                                         read[d].begin() + i + size);
        const std::set<int64_t> distinct(epoch.begin(), epoch.end());
        EXPECT_EQ(distinct.size(), size);
        EXPECT_EQ(*distinct.rbegin(), windows[d] - 1);
        epochs.insert(epoch);
      }
      if (shuffle) {
        EXPECT_GT(epochs.size(), 1u);
      } else {
        EXPECT_EQ(epochs.size(), 1u);
      }
    }
  }
}

TEST(SampleOrderTest, EvaluationReadsAllOnce) {
  const SampleOrder order({2, 1, 3});
  const std::vector<std::pair<int, int64_t>> expected = {
      {0, 0}, {0, 1}, {1, 0}, {2, 0}, {2, 1}, {2, 2}, {-1, 0}, {-1, 0}};
  for (size_t n = 0; n < expected.size(); ++n) {
    const SampleOrder::Sample sample = order.At(static_cast<int64_t>(n));
    EXPECT_EQ(std::make_pair(sample.dataset, sample.window), expected[n]);
  }
}

}  // namespace
}  // namespace cogdist
