// The memory plan against what a real step takes, and the passes against each
// other.

#include "launcher/model_runner.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "launcher/config.h"
#include "models/init.h"
#include "parallel/optimizer.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist {
namespace {

RunConfig SmallConfig() {
  RunConfig config;
  CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
  model->set_vocab_size(512);
  model->set_num_layers(3);
  model->set_hidden_size(64);
  model->set_num_heads(4);
  model->set_num_kv_heads(2);
  model->set_ffn_size(96);
  model->set_max_seq_len(48);
  config.mutable_batch()->set_global_batch_size(4);
  config.mutable_batch()->set_micro_batch_size(2);
  config.mutable_lr_schedule()->set_peak_lr(1e-3);
  config.set_train_steps(3);
  ResolveConfig("small.pbtxt", config);
  return config;
}

Batch RampBatch(const RunConfig& config) {
  Batch batch;
  batch.shape = {config.batch().micro_batch_size(), config.data().seq_len()};
  for (int64_t i = 0; i < batch.shape.num_elements(); ++i) {
    batch.inputs.push_back(static_cast<int32_t>(i * 7 % 512));
    batch.targets.push_back(static_cast<int32_t>((i + 1) * 7 % 512));
    if (config.data().document_mask()) batch.document_start.push_back(0);
  }
  batch.num_targets = batch.shape.num_elements();
  return batch;
}

class PlanTest : public testing::TestWithParam<
                     std::tuple<Precision, ActivationCheckpointing, bool>> {};

TEST_P(PlanTest, PlannedBytesAreTheMeasuredPeak) {
  const auto& [precision, checkpointing, document_mask] = GetParam();
  RunConfig config = SmallConfig();
  config.set_precision(precision);
  config.set_activation_checkpointing(checkpointing);
  config.mutable_data()->set_document_mask(document_mask);

  CpuDevice device;
  CpuStream stream(device);
  auto runner =
      ModelRunner::Create(config, ParamStore::Use::kTraining, device, stream);
  ASSERT_TRUE(runner.ok()) << runner.status();
  InitializeParameters((*runner)->params(), stream, 1);
  auto optimizer = Optimizer::Create({.config = config.optimizer(),
                                      .params = (*runner)->params(),
                                      .device = device});
  ASSERT_TRUE(optimizer.ok());
  const int64_t before_step = device.memory().peak_bytes;

  const Batch batch = RampBatch(config);
  UnitHooks no_hooks;
  (*runner)->Train(batch, 0.01f, no_hooks);
  (*runner)->TakeLossSum();
  const double squares = optimizer->LocalNorm(stream).squares.Value();
  optimizer->Update(stream, {.lr = 1e-3, .grad_norm = std::sqrt(squares)});
  (*runner)->Evaluate(batch);
  stream.Synchronize();

  // A step allocates nothing, and the plan said how much there would be.
  EXPECT_EQ(device.memory().peak_bytes, before_step);
  const double planned = static_cast<double>((*runner)->plan().total());
  EXPECT_NEAR(device.memory().peak_bytes / planned, 1, 0.05);
}

INSTANTIATE_TEST_SUITE_P(
    Modes, PlanTest,
    testing::Combine(testing::Values(FP32, BF16),
                     testing::Values(NONE, SELECTIVE, FULL), testing::Bool()),
    [](const auto& info) {
      return Precision_Name(std::get<0>(info.param)) + "_" +
             ActivationCheckpointing_Name(std::get<1>(info.param)) +
             (std::get<2>(info.param) ? "_documents" : "");
    });

TEST(PlanTest, RecomputationTakesLessMemory) {
  RunConfig config = SmallConfig();
  config.mutable_model()->mutable_cogformer()->set_num_layers(8);
  std::vector<int64_t> activations;
  for (const auto mode : {NONE, SELECTIVE, FULL}) {
    config.set_activation_checkpointing(mode);
    const auto plan = ModelRunner::Plan(config, ParamStore::Use::kTraining);
    ASSERT_TRUE(plan.ok());
    activations.push_back(plan->activations);
  }
  EXPECT_LT(activations[1], 0.8 * activations[0]);
  EXPECT_LT(activations[2], 0.6 * activations[1]);
}

// Activations, workspace and all grow no faster than the sequence.
TEST(PlanTest, MemoryIsLinearInTheSequenceLength) {
  RunConfig config = SmallConfig();
  config.mutable_batch()->set_micro_batch_size(1);
  const auto bytes = [&](int64_t seq) {
    config.mutable_model()->mutable_cogformer()->set_max_seq_len(seq);
    config.mutable_data()->set_seq_len(seq);
    const auto plan = ModelRunner::Plan(config, ParamStore::Use::kTraining);
    COG_CHECK_OK(plan.status());
    return static_cast<double>(plan->activations + plan->workspace);
  };
  EXPECT_LT(bytes(32768) / bytes(4096), 8.1);
}

TEST(ModelRunnerTest, EvaluationGivesTheTrainingLoss) {
  const RunConfig config = SmallConfig();
  CpuDevice device;
  CpuStream stream(device);
  auto runner =
      ModelRunner::Create(config, ParamStore::Use::kTraining, device, stream);
  ASSERT_TRUE(runner.ok());
  InitializeParameters((*runner)->params(), stream, 1);
  const Batch batch = RampBatch(config);
  UnitHooks no_hooks;
  (*runner)->Train(batch, 0.01f, no_hooks);
  const double training = (*runner)->TakeLossSum();
  (*runner)->Evaluate(batch);
  EXPECT_EQ((*runner)->TakeLossSum(), training);
  EXPECT_EQ((*runner)->TakeLossSum(), 0);
  EXPECT_NEAR(training / batch.num_targets, std::log(512), 0.1);
}

}  // namespace
}  // namespace cogdist
