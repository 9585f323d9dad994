#include "launcher/peak_flops.h"

#include "gtest/gtest.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

TEST(PeakFlopsTest, SumsTheConfiguredPeakOfAllRanks) {
  RunConfig config;
  config.set_peak_tflops(1.5);
  testing::RunRankContexts(3, [&](RankContext& context) {
    const auto flops = PeakFlops(config, context);
    ASSERT_TRUE(flops.ok()) << flops.status();
    EXPECT_DOUBLE_EQ(*flops, 4.5e12);
  });
}

TEST(PeakFlopsTest, MeasuresWhereNoneIsConfigured) {
  testing::RunRankContexts(1, [](RankContext& context) {
    const auto flops = PeakFlops(RunConfig(), context);
    ASSERT_TRUE(flops.ok()) << flops.status();
    EXPECT_GT(*flops, 1e8);
    EXPECT_EQ(context.device->memory().peak_bytes, 0);
  });
}

}  // namespace
}  // namespace cogdist
