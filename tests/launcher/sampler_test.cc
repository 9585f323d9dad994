#include "launcher/sampler.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

std::vector<float> LogOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) {
    logits.push_back(static_cast<float>(std::log(p)));
  }
  return logits;
}

std::vector<double> Frequencies(const SamplingOptions& options,
                                const std::vector<float>& logits, int draws) {
  Sampler sampler(options);
  std::vector<double> frequency(logits.size());
  for (int i = 0; i < draws; ++i) frequency[sampler.Draw(logits)] += 1;
  for (double& f : frequency) f /= draws;
  return frequency;
}

TEST(SamplerTest, DrawsByProbability) {
  const std::vector<double> p = {0.5, 0.1, 0.4};
  const std::vector<double> f = Frequencies({.seed = 1}, LogOf(p), 40000);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(f[i], p[i], 0.01);
}

TEST(SamplerTest, TemperatureSharpensAndZeroIsGreedy) {
  const std::vector<float> logits = LogOf({0.2, 0.8});
  // At temperature 1/2 probabilities are squared: 0.04 and 0.64.
  const std::vector<double> f =
      Frequencies({.temperature = 0.5, .seed = 2}, logits, 40000);
  EXPECT_NEAR(f[0], 0.04 / 0.68, 0.01);
  EXPECT_EQ(Frequencies({.temperature = 0}, logits, 100)[1], 1.0);
}

TEST(SamplerTest, GreedyTieGoesToTheSmallerIndex) {
  EXPECT_EQ(Sampler({.temperature = 0}).Draw({1.0f, 3.0f, 3.0f}), 1);
}

TEST(SamplerTest, TopKKeepsTheLikeliest) {
  const std::vector<double> f =
      Frequencies({.top_k = 2, .seed = 3}, LogOf({0.1, 0.3, 0.6}), 40000);
  EXPECT_EQ(f[0], 0.0);
  EXPECT_NEAR(f[1], 1.0 / 3, 0.01);
}

TEST(SamplerTest, TopPKeepsTheNucleus) {
  const std::vector<double> f =
      Frequencies({.top_p = 0.8, .seed = 4}, LogOf({0.1, 0.3, 0.6}), 40000);
  EXPECT_EQ(f[0], 0.0);
  EXPECT_NEAR(f[2], 2.0 / 3, 0.01);
  // The likeliest token always stays.
  EXPECT_EQ(Frequencies({.top_p = 1e-9}, LogOf({0.4, 0.6}), 100)[1], 1.0);
}

TEST(SamplerTest, SameSeedSameDraws) {
  const std::vector<float> logits = LogOf({0.25, 0.25, 0.25, 0.25});
  Sampler a({.seed = 5}), b({.seed = 5}), c({.seed = 6});
  int different = 0;
  for (int i = 0; i < 100; ++i) {
    const int32_t draw = a.Draw(logits);
    EXPECT_EQ(draw, b.Draw(logits));
    different += draw != c.Draw(logits);
  }
  EXPECT_GT(different, 30);
}

}  // namespace
}  // namespace cogdist
