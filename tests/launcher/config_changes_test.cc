#include "launcher/config_changes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/config_override.h"
#include "tests/launcher/small_config.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What SmallConfig() becomes with these --set flags.
RunConfig With(const std::vector<std::string>& overrides) {
  RunConfig config = testing::SmallConfig();
  const absl::Status status = ApplyOverrides(overrides, config);
  EXPECT_TRUE(status.ok()) << status;
  return config;
}

absl::StatusOr<std::vector<std::string>> Changes(
    const std::vector<std::string>& overrides,
    const std::vector<std::string>& allowed = {}) {
  return ConfigChanges(testing::SmallConfig(), With(overrides), allowed,
                       "runs/a/checkpoints/step_00000007");
}

std::string Refused(const std::vector<std::string>& overrides,
                    const std::vector<std::string>& allowed = {}) {
  const auto changes = Changes(overrides, allowed);
  EXPECT_EQ(changes.status().code(), absl::StatusCode::kInvalidArgument)
      << overrides[0];
  return std::string(changes.status().message());
}

TEST(ConfigChangesTest, TheSameIsNoChange) {
  const auto changes = Changes({});
  ASSERT_TRUE(changes.ok());
  EXPECT_THAT(*changes, IsEmpty());
}

TEST(ConfigChangesTest, MostFieldsMayChange) {
  const auto changes =
      Changes({"train_steps=50", "lr_schedule.peak_lr=0.5", "parallel.tensor=2",
               "precision=BF16", "batch.micro_batch_size=2", "init_from=x",
               "checkpoint.every_steps=3", "run_dir=elsewhere"});
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_THAT(
      *changes,
      ElementsAre(
          "batch.micro_batch_size: 1 -> 2", "checkpoint.every_steps: 0 -> 3",
          "init_from: not set -> \"x\"", "lr_schedule.peak_lr: 0.01 -> 0.5",
          "parallel.tensor: 1 -> 2", "precision: FP32 -> BF16",
          "run_dir: \"runs/small\" -> \"elsewhere\"", "train_steps: 20 -> 50"));
}

TEST(ConfigChangesTest, TheTrainingItselfMustMatch) {
  for (const char* change :
       {"model.cogformer.norm_eps=0.5", "model.cogformer.num_layers=3",
        "model.cogformer.attention.softmax_layers.0=1", "data.shuffle=false",
        "data.train.0.prefix=other", "data.seq_len=8",
        "batch.global_batch_size=8", "optimizer.adamw.beta1=0.5",
        "optimizer.grad_clip_norm=0", "seed=7"}) {
    const std::string message = Refused({change});
    const std::string field(change, std::string(change).find('='));
    EXPECT_THAT(message, AllOf(HasSubstr(field + ": "),
                               HasSubstr("--allow_change " + field + " "),
                               HasSubstr("runs/a/checkpoints/step_00000007")));
  }
}

TEST(ConfigChangesTest, TheRefusalHasAllFieldsWithBothValues) {
  const std::string message =
      Refused({"seed=7", "optimizer.adamw.beta1=0.5", "train_steps=9"});
  EXPECT_THAT(message,
              AllOf(HasSubstr("seed: 7, but 1234 in the checkpoint"),
                    HasSubstr("optimizer.adamw.beta1: 0.5, but 0.9 in"),
                    Not(HasSubstr("train_steps"))));
}

TEST(ConfigChangesTest, AFieldThatIsGoneIsAChange) {
  const RunConfig before =
      With({"data.train.0.prefix=a", "data.train.1.prefix=b"});
  const auto changes =
      ConfigChanges(before, With({"data.train.0.prefix=a"}), {}, "x");
  EXPECT_THAT(std::string(changes.status().message()),
              HasSubstr("data.train.1.prefix: not set, but \"b\" in"));
}

TEST(ConfigChangesTest, WhatIsAllowedIsAChangeLikeOthers) {
  for (const char* allowed :
       {"optimizer", "optimizer.adamw", "optimizer.adamw.beta1"}) {
    const auto changes = Changes({"optimizer.adamw.beta1=0.5"}, {allowed});
    ASSERT_TRUE(changes.ok()) << allowed << changes.status();
    EXPECT_THAT(*changes, ElementsAre("optimizer.adamw.beta1: 0.9 -> 0.5"));
  }
  for (const char* name : {"global_batch_size", "batch.global_batch_size"}) {
    EXPECT_TRUE(Changes({"batch.global_batch_size=8"}, {name}).ok());
  }
  // Others than this field, and names that only begin like it.
  Refused({"optimizer.adamw.beta1=0.5"}, {"optimizer.adamw.beta2"});
  Refused({"optimizer.adamw.beta1=0.5"}, {"optimizer.adamw.beta"});
  Refused({"optimizer.adamw.beta1=0.5", "seed=1"}, {"optimizer"});
}

// A checkpoint of a program that did not know a field.
TEST(ConfigChangesTest, FieldsThatAreMissingHaveTheirDefaults) {
  RunConfig before = testing::SmallConfig();
  before.mutable_optimizer()->mutable_adamw()->clear_beta2();
  before.mutable_model()->mutable_cogformer()->clear_init_std();
  const auto changes = ConfigChanges(before, testing::SmallConfig(), {}, "x");
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_THAT(*changes, IsEmpty());
}

TEST(ConfigChangesTest, OnlyWhatMustMatchCanBeAllowedToChange) {
  EXPECT_TRUE(CheckAllowedChanges({}).ok());
  EXPECT_TRUE(CheckAllowedChanges({"model", "data.train.3.prefix", "seed",
                                   "global_batch_size", "optimizer"})
                  .ok());
  for (const char* wrong : {"train_steps", "models", "", "batch", "Seed",
                            "batch.micro_batch_size"}) {
    const absl::Status status = CheckAllowedChanges({"seed", wrong});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(std::string("--allow_change: ") + wrong + " is no"));
  }
}

}  // namespace
}  // namespace cogdist
