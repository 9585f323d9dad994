#include "launcher/run_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StartSummary Start() {
  return {.name = "quickstart",
          .model = "Cogformer, 8 layers, hidden 256",
          .layout = "2 ranks: data 2",
          .parameters = 5123456,
          .flops_per_token = 31.5e6,
          .micro_batch_size = 4,
          .accumulation_steps = 2,
          .data_parallel = 2,
          .seq_len = 256,
          .train_steps = 1000,
          .memory = {{{"weights", 20 << 20}, {"gradients", 20 << 20}}},
          .traffic = {{{"data", 10 << 20}, {"tensor", 0}}},
          .run_dir = "runs/quickstart"};
}

TEST(RunSummaryTest, Start) {
  EXPECT_EQ(
      FormatStart(Start()),
      "cogdist: quickstart\n"
      "  model:         Cogformer, 8 layers, hidden 256; 5.12M parameters, "
      "31.5M FLOP a token\n"
      "  layout:        2 ranks: data 2\n"
      "  batch:         16 sequences of 256 tokens = 4 micro x 2 "
      "accumulation x 2 data\n"
      "  steps:         1000, 4.10M tokens in all\n"
      "  memory:        40.0 MiB a rank: weights 20.0 MiB, gradients 20.0 "
      "MiB\n"
      "  traffic:       10.0 MiB a rank and step: data 10.0 MiB\n"
      "  run directory: runs/quickstart\n");
}

TEST(RunSummaryTest, ALineForEachPipelineStage) {
  StartSummary summary = Start();
  summary.memory = {{{"weights", 1 << 20}}, {{"weights", 2 << 20}}};
  EXPECT_THAT(FormatStart(summary),
              HasSubstr("  memory 0:      1.00 MiB a rank: weights 1.00 MiB\n"
                        "  memory 1:      2.00 MiB a rank: weights 2.00 "
                        "MiB\n"));
}

TEST(RunSummaryTest, StartWhereARunGoesOnWithoutAPlan) {
  StartSummary summary = Start();
  summary.first_step = 501;
  summary.memory.clear();
  EXPECT_THAT(FormatStart(summary), HasSubstr("; goes on at step 501\n"));
  EXPECT_THAT(FormatStart(summary), Not(HasSubstr("memory")));
}

TEST(RunSummaryTest, EndOfAWholeRun) {
  EXPECT_EQ(FormatEnd({.step = 1000,
                       .train_steps = 1000,
                       .tokens = 4096000,
                       .seconds = 200,
                       .step_time = 160,
                       .skipped_steps = 2,
                       .loss = 3.25,
                       .validation_loss = 3.5,
                       .best_validation_loss = 3.375,
                       .mfu = 0.5,
                       .weights_path = "r/weights/model.safetensors",
                       .run_dir = "r"}),
            "done: 1000 steps, 4.10M tokens in 3 min 20 s (80.0 % of it in "
            "training steps)\n"
            "  loss:          3.2500\n"
            "  validation:    3.5000, best 3.3750\n"
            "  speed:         25.6k tok/s, MFU 50.0 %\n"
            "  skipped:       2 steps whose loss or gradient was not finite\n"
            "  weights:       r/weights/model.safetensors\n"
            "  run directory: r\n");
}

TEST(RunSummaryTest, EndByRequestBeforeTheFirstStep) {
  EXPECT_EQ(FormatEnd({.stopped_by = "SIGTERM",
                       .train_steps = 10,
                       .seconds = 1,
                       .run_dir = "r"}),
            "stopped by SIGTERM after step 0 of 10, 0 tokens in 1.00 s (0.0 % "
            "of it in training steps)\n"
            "  run directory: r\n");
}

}  // namespace
}  // namespace cogdist
