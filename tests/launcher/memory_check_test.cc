#include "launcher/memory_check.h"

#include <string>

#include "gmock/gmock.h"
#include "launcher/config.h"
#include "launcher/training_step.h"

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
  ResolveConfig("small.pbtxt", config);
  return config;
}

int64_t PlanOf(ActivationCheckpointing mode, int64_t micro_batch_size,
               int ranks = 1) {
  RunConfig config = Config();
  config.set_activation_checkpointing(mode);
  config.mutable_batch()->set_micro_batch_size(micro_batch_size);
  const auto plan = TrainingStep::Plan(config, Mesh({1, 1, ranks, 1}), 0);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? plan->memory.total() : 0;
}

std::string Message(int ranks, int64_t available_bytes) {
  const absl::Status status = CheckMemory(
      Config(), {.world_size = ranks, .local_size = ranks}, available_bytes);
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(MemoryCheckTest, EveryRankOfTheMachineNeedsItsPlan) {
  const int64_t plan = PlanOf(NONE, 16);
  EXPECT_EQ(Message(1, plan), "");
  EXPECT_NE(Message(1, plan - 1), "");
  const int64_t of_two = PlanOf(NONE, 16, 2);
  EXPECT_EQ(Message(2, 2 * of_two), "");
  EXPECT_THAT(Message(2, 2 * of_two - 1), HasSubstr("left for 2 ranks; "));
}

TEST(MemoryCheckTest, NamesTheLeastChangeThatHelps) {
  EXPECT_THAT(Message(1, PlanOf(SELECTIVE, 16)),
              HasSubstr("set activation_checkpointing: SELECTIVE"));
  EXPECT_THAT(Message(1, PlanOf(FULL, 16)),
              HasSubstr("set activation_checkpointing: FULL"));
  EXPECT_THAT(Message(1, PlanOf(FULL, 1)),
              HasSubstr("set batch.micro_batch_size: 1 and "
                        "activation_checkpointing: FULL"));
  EXPECT_THAT(Message(1, PlanOf(FULL, 1) - 1),
              HasSubstr("use a smaller model.cogformer"));
}

TEST(MemoryCheckTest, ThisMachineHasSomeMemory) {
  EXPECT_GT(AvailableMemoryBytes(), 1 << 20);
  EXPECT_LT(AvailableMemoryBytes(), int64_t{1} << 60);
}

}  // namespace
}  // namespace cogdist
