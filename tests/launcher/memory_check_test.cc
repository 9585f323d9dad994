#include "launcher/memory_check.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "launcher/config.h"
#include "launcher/human_format.h"
#include "launcher/training_step.h"
#include "runtime/clock.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

// Activations dominate, so that there is something to be saved.
RunConfig Config() {
  RunConfig config;
  CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
  model->set_vocab_size(64);
  model->set_num_layers(8);
  model->set_hidden_size(32);
  model->set_num_heads(2);
  model->set_ffn_size(96);
  model->set_max_seq_len(64);
  config.mutable_batch()->set_global_batch_size(32);
  config.mutable_batch()->set_micro_batch_size(16);
  config.mutable_data()->add_train()->set_prefix("none");
  config.mutable_lr_schedule()->set_peak_lr(1e-3);
  config.set_train_steps(10);
  ResolveConfig("small.pbtxt", config);
  return config;
}

using Changes = std::function<void(RunConfig&)>;

// Of all `ranks` together.
int64_t PlanOf(int ranks, const Changes& change) {
  RunConfig config = Config();
  change(config);
  const auto mesh = Mesh::Create(ranks, config.parallel());
  COG_CHECK_OK(mesh.status());
  int64_t total = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto plan = TrainingStep::Plan(config, *mesh, rank);
    COG_CHECK_OK(plan.status());
    total += plan->memory.total();
  }
  return total;
}

Changes With(ActivationCheckpointing mode, int64_t micro_batch_size) {
  return [=](RunConfig& config) {
    config.set_activation_checkpointing(mode);
    config.mutable_batch()->set_micro_batch_size(micro_batch_size);
  };
}

// All ranks on one machine.
std::string Message(int ranks, int64_t available_bytes) {
  std::string message;
  testing::RunRankContexts(ranks, [&](RankContext& context) {
    const auto plans = GatherPlans(Config(), context.placement,
                                   *context.groups.world, DeviceType::kCpu);
    COG_CHECK_OK(plans.status());
    EXPECT_EQ(plans->size(), ranks);
    if (context.rank() > 0) return;
    const absl::Status status = CheckMemory(Config(), context.placement, *plans,
                                            {.host = available_bytes});
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    message = std::string(status.message());
  });
  return message;
}

PlacedPlan OnNode(int node, int64_t bytes) {
  return {.node = node, .plan = {.memory = {.weights = bytes}}};
}

TEST(MemoryCheckTest, TheRanksOfOneMachineShareItsMemory) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  const std::vector<PlacedPlan> plans = {OnNode(0, kGiB), OnNode(1, 2 * kGiB),
                                         OnNode(0, kGiB), OnNode(1, 3 * kGiB)};
  const auto check = [&](const Placement& placement, int64_t available) {
    return CheckMemory(Config(), placement, plans, {.host = available});
  };
  EXPECT_TRUE(check({.rank = 0, .world_size = 4, .node = 0}, 2 * kGiB).ok());
  EXPECT_FALSE(
      check({.rank = 0, .world_size = 4, .node = 0}, 2 * kGiB - 1).ok());
  EXPECT_TRUE(check({.rank = 3, .world_size = 4, .node = 1}, 5 * kGiB).ok());
  // Others than the lowest rank leave the advice to that one.
  EXPECT_EQ(check({.rank = 3, .world_size = 4, .node = 1}, 4 * kGiB).message(),
            "model: the 2 ranks here need 5.00 GiB (3.00 GiB a rank at most) "
            "of memory by plan, and this machine has 4.00 GiB left");
}

TEST(MemoryCheckTest, EveryRankNeedsItsPlan) {
  for (const int ranks : {1, 2}) {
    const int64_t plan = PlanOf(ranks, [](RunConfig&) {});
    EXPECT_EQ(Message(ranks, plan), "");
    EXPECT_THAT(Message(ranks, plan - 1), HasSubstr("memory by plan"));
  }
}

TEST(MemoryCheckTest, NamesTheLeastChangeThatHelps) {
  EXPECT_THAT(Message(1, PlanOf(1, With(SELECTIVE, 16))),
              HasSubstr("left; set activation_checkpointing: SELECTIVE, to "
                        "need "));
  EXPECT_THAT(Message(1, PlanOf(1, With(NONE, 1))),
              HasSubstr("set batch.micro_batch_size: 1, to need"));
  EXPECT_THAT(Message(1, PlanOf(1, With(SELECTIVE, 1))),
              HasSubstr("set activation_checkpointing: SELECTIVE and "
                        "batch.micro_batch_size: 1, to need"));
  EXPECT_THAT(Message(1, PlanOf(1, With(FULL, 1))),
              HasSubstr("set activation_checkpointing: FULL and "
                        "batch.micro_batch_size: 1, to need"));
  EXPECT_THAT(Message(1, PlanOf(1, With(FULL, 1)) - 1),
              HasSubstr("use a smaller model.cogformer"));
}

TEST(MemoryCheckTest, SeveralRanksCanShareMore) {
  RunConfig config = Config();
  config.mutable_parallel()->set_zero_stage(1);
  const auto of_one =
      TrainingStep::Plan(config, *Mesh::Create(2, config.parallel()), 0);
  ASSERT_TRUE(of_one.ok()) << of_one.status();
  const int64_t zero = 2 * of_one->memory.total();
  EXPECT_THAT(Message(2, zero),
              HasSubstr(absl::StrCat("set parallel.zero_stage: 1, to need ",
                                     FormatBytes(zero))));
}

// A table that takes most of the memory, and more where ranks own parts of it
// than where they share the vocabulary out.
TEST(MemoryCheckTest, TensorRanksShareWhatOtherwiseHasToBeGathered) {
  RunConfig config = Config();
  config.mutable_model()->mutable_cogformer()->set_vocab_size(60000);
  RunConfig shared = config;
  shared.mutable_parallel()->set_tensor(2);
  const auto plan =
      TrainingStep::Plan(shared, *Mesh::Create(2, shared.parallel()), 0);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(MemoryAdvice(config, 2, {0, 1}, {2 * plan->memory.total()}),
              HasSubstr("set parallel.tensor: 2, to need "));
  // Sequence parallelism is for tensor ranks only.
  EXPECT_THAT(MemoryAdvice(config, 2, {0, 1}, {2 * plan->memory.total() - 1}),
              HasSubstr("and parallel.tensor: 2, to need "));
}

// With one of 64 ranks a machine: some dozens of plans.
TEST(MemoryCheckTest, AdviceForALargeModelTakesNoMoreThanSeconds) {
  const auto config =
      LoadRunConfig("configs/cogformer_1b.pbtxt", {"parallel.zero_stage=0"});
  ASSERT_TRUE(config.ok()) << config.status();
  const double start = MonotonicSeconds();
  EXPECT_THAT(MemoryAdvice(*config, 64, {0}, {1 << 20}),
              HasSubstr("use a smaller model.cogformer"));
  RecordProperty("seconds", absl::StrCat(MonotonicSeconds() - start));
}

// A rank alone fills its GPU; only copies for checkpoints are on the host.
TEST(MemoryCheckTest, ARankHasItsGpuForItself) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  std::vector<PlacedPlan> plans = {OnNode(0, 5 * kGiB), OnNode(0, 2 * kGiB)};
  for (PlacedPlan& plan : plans) plan.plan.memory.checkpoint = kGiB;
  const auto check = [&](int rank, const AvailableMemory& available) {
    return std::string(
        CheckMemory(Config(), {.rank = rank, .world_size = 2}, plans, available)
            .message());
  };
  EXPECT_EQ(check(0, {.host = 2 * kGiB, .gpu = 6 * kGiB}), "");
  EXPECT_EQ(check(1, {.host = 2 * kGiB, .gpu = 3 * kGiB}), "");
  EXPECT_THAT(
      check(0, {.host = 2 * kGiB, .gpu = 6 * kGiB - 1}),
      HasSubstr("model: a rank needs 5.00 GiB of GPU memory by plan, and its "
                "GPU has 5.00 GiB left beside what NCCL takes; set "));
  EXPECT_EQ(check(1, {.host = 2 * kGiB - 1, .gpu = 6 * kGiB}),
            "model: the 2 ranks here need 2.00 GiB (1.00 GiB a rank at most) "
            "of host memory by plan for copies of checkpoints, and this "
            "machine has 2.00 GiB left; use fewer ranks on each machine");
}

TEST(MemoryCheckTest, WhatFitsIntoAGpuNeedNotCountCheckpoints) {
  const auto plan = TrainingStep::Plan(Config(), Mesh(), 0);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const MemoryLimit cpu = {.bytes = 1};
  const MemoryLimit gpu = {.bytes = 1, .device = DeviceType::kCuda};
  EXPECT_EQ(cpu.NeedOf(plan->memory) - gpu.NeedOf(plan->memory),
            plan->memory.checkpoint);
  EXPECT_GT(plan->memory.checkpoint, 0);
}

TEST(MemoryCheckTest, ThisMachineHasSomeMemory) {
  EXPECT_GT(AvailableMemoryBytes(), 1 << 20);
  EXPECT_LT(AvailableMemoryBytes(), int64_t{1} << 60);
}

}  // namespace
}  // namespace cogdist
