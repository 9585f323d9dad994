#include "launcher/value_statistics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

TEST(ValueStatisticsTest, CountsWhatIsNotFiniteAndLeavesItOut) {
  const float inf = std::numeric_limits<float>::infinity();
  ValueStatistics statistics;
  statistics.Add(std::vector<float>{3, -1, 0, -0.f, inf, NAN, -inf, 6});
  EXPECT_EQ(statistics.count, 8);
  EXPECT_EQ(statistics.not_finite, 3);
  EXPECT_EQ(statistics.zeros, 2);
  EXPECT_EQ(statistics.min, -1);
  EXPECT_EQ(statistics.max, 6);
  EXPECT_DOUBLE_EQ(statistics.mean(), 8.0 / 5);
  EXPECT_DOUBLE_EQ(statistics.rms(), std::sqrt(46.0 / 5));
}

TEST(ValueStatisticsTest, SumsInFloat64) {
  ValueStatistics statistics;
  statistics.Add(1e8f);
  for (int i = 0; i < 1000; ++i) statistics.Add(1.f);
  EXPECT_EQ(statistics.sum, 1e8 + 1000);
  statistics = {};
  statistics.Add(3e38f);
  statistics.Add(-3e38f);
  EXPECT_FLOAT_EQ(statistics.rms(), 3e38f);
}

TEST(ValueStatisticsTest, OfNothingNoMean) {
  EXPECT_TRUE(std::isnan(ValueStatistics().mean()));
  EXPECT_TRUE(std::isnan(ValueStatistics().rms()));
}

}  // namespace
}  // namespace cogdist
