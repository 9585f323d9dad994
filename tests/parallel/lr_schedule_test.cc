// Learning rates at points where they can be worked out by hand.

#include "parallel/lr_schedule.h"

#include <cmath>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

constexpr int64_t kTrainSteps = 1000;

// Peak 8, minimum 2, 10 steps up, down to the minimum at step 110.
LrScheduleConfig Config(LrScheduleConfig::Kind kind) {
  LrScheduleConfig config;
  config.set_kind(kind);
  config.set_peak_lr(8);
  config.set_min_lr(2);
  config.set_warmup_steps(10);
  config.set_decay_steps(110);
  return config;
}

double At(const LrScheduleConfig& config, int64_t step) {
  return LearningRate(config, kTrainSteps, step);
}

TEST(LrScheduleTest, EveryKindWarmsUpInAStraightLine) {
  for (const auto kind : {LrScheduleConfig::COSINE, LrScheduleConfig::LINEAR,
                          LrScheduleConfig::CONSTANT, LrScheduleConfig::WSD}) {
    LrScheduleConfig config = Config(kind);
    config.set_cooldown_steps(20);
    EXPECT_DOUBLE_EQ(At(config, 1), 0.8);
    EXPECT_DOUBLE_EQ(At(config, 5), 4);
    EXPECT_DOUBLE_EQ(At(config, 10), 8);
  }
}

TEST(LrScheduleTest, Cosine) {
  const LrScheduleConfig config = Config(LrScheduleConfig::COSINE);
  // A quarter of the way: 2 + 3 (1 + cos(pi/4)).
  EXPECT_DOUBLE_EQ(At(config, 35), 2 + 3 * (1 + std::sqrt(0.5)));
  EXPECT_DOUBLE_EQ(At(config, 60), 5);
  // Two thirds of 99 steps in: cos(2 pi/3) = -1/2.
  LrScheduleConfig thirds = config;
  thirds.set_decay_steps(10 + 99);
  EXPECT_DOUBLE_EQ(At(thirds, 10 + 66), 3.5);
  EXPECT_EQ(At(config, 110), 2);
  EXPECT_EQ(At(config, 111), 2);
  EXPECT_EQ(At(config, 100000), 2);
}

TEST(LrScheduleTest, Linear) {
  const LrScheduleConfig config = Config(LrScheduleConfig::LINEAR);
  EXPECT_DOUBLE_EQ(At(config, 11), 8 - 6.0 / 100);
  EXPECT_DOUBLE_EQ(At(config, 35), 6.5);
  EXPECT_DOUBLE_EQ(At(config, 60), 5);
  EXPECT_EQ(At(config, 110), 2);
  EXPECT_EQ(At(config, 500), 2);
}

TEST(LrScheduleTest, Constant) {
  const LrScheduleConfig config = Config(LrScheduleConfig::CONSTANT);
  EXPECT_EQ(At(config, 11), 8);
  EXPECT_EQ(At(config, 110), 8);
  EXPECT_EQ(At(config, 100000), 8);
}

TEST(LrScheduleTest, WarmupStableDecay) {
  LrScheduleConfig config = Config(LrScheduleConfig::WSD);
  config.set_cooldown_steps(16);  // from step 94 on
  EXPECT_EQ(At(config, 11), 8);
  EXPECT_EQ(At(config, 94), 8);
  EXPECT_DOUBLE_EQ(At(config, 98), 6.5);  // a quarter down
  EXPECT_DOUBLE_EQ(At(config, 102), 5);
  EXPECT_EQ(At(config, 110), 2);
  EXPECT_EQ(At(config, 111), 2);

  config.set_cooldown_shape(LrScheduleConfig::ONE_MINUS_SQRT);
  EXPECT_EQ(At(config, 94), 8);
  EXPECT_DOUBLE_EQ(At(config, 95), 6.5);   // sqrt(1/16) = 1/4
  EXPECT_DOUBLE_EQ(At(config, 98), 5);     // sqrt(4/16) = 1/2
  EXPECT_DOUBLE_EQ(At(config, 103), 3.5);  // sqrt(9/16) = 3/4
  EXPECT_EQ(At(config, 110), 2);
  EXPECT_EQ(At(config, 1000), 2);
}

TEST(LrScheduleTest, Defaults) {
  LrScheduleConfig config;  // no warm-up, cosine to 0 over the whole run
  config.set_peak_lr(1);
  EXPECT_NEAR(At(config, 1), 1, 1e-5);
  EXPECT_DOUBLE_EQ(At(config, kTrainSteps / 2), 0.5);
  EXPECT_EQ(At(config, kTrainSteps), 0);
}

TEST(LrScheduleTest, WholeRunIsWarmup) {
  LrScheduleConfig config = Config(LrScheduleConfig::COSINE);
  config.clear_decay_steps();
  config.set_warmup_steps(2 * kTrainSteps);
  EXPECT_DOUBLE_EQ(At(config, kTrainSteps), 4);
}

}  // namespace
}  // namespace cogdist
