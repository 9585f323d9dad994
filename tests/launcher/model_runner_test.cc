// The memory plan against what a real step takes, and the passes against each
// other.

#include "launcher/model_runner.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "launcher/config.h"
#include "launcher/training_step.h"
#include "models/init.h"
#include "tests/testing/rank_threads.h"

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

class PlanTest : public ::testing::TestWithParam<
                     std::tuple<Precision, ActivationCheckpointing, bool>> {};

TEST_P(PlanTest, PlannedBytesAreTheMeasuredPeak) {
  const auto& [precision, checkpointing, document_mask] = GetParam();
  RunConfig config = SmallConfig();
  config.set_precision(precision);
  config.set_activation_checkpointing(checkpointing);
  config.mutable_data()->set_document_mask(document_mask);
  config.mutable_data()->add_validation();

  testing::RunRankContexts(1, [&](RankContext& context) {
    auto step = TrainingStep::Create(config, context);
    ASSERT_TRUE(step.ok()) << step.status();
    InitializeParameters((*step)->runner().params(), *context.streams.compute,
                         1);
    const auto load = [&](int64_t, Batch& batch) {
      batch = RampBatch(config);
      return absl::OkStatus();
    };
    const int64_t before_step = context.device->memory().peak_bytes;
    ASSERT_TRUE((*step)->Run(1, load).ok());
    ASSERT_TRUE((*step)->Evaluate(load).ok());
    // A step allocates nothing, and the plan said how much there would be.
    const int64_t peak = context.device->memory().peak_bytes;
    EXPECT_EQ(peak, before_step);
    const double planned = (*step)->plan().memory.device();
    EXPECT_NEAR(peak / planned, 1, 0.05);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Modes, PlanTest,
    ::testing::Combine(::testing::Values(FP32, BF16),
                       ::testing::Values(NONE, SELECTIVE, FULL),
                       ::testing::Bool()),
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
    const auto plan = TrainingStep::Plan(config, Mesh(), 0);
    ASSERT_TRUE(plan.ok());
    activations.push_back(plan->memory.activations);
  }
  EXPECT_LT(activations[1], 0.8 * activations[0]);
  EXPECT_LT(activations[2], 0.6 * activations[1]);
}

// An evaluation during training uses what micro-batches in flight have.
TEST(PlanTest, EvaluationTakesNoMemoryOfItsOwn) {
  RunConfig config = SmallConfig();
  config.mutable_data()->add_validation();
  testing::RunRankContexts(1, [&](RankContext& context) {
    const auto plan = [&](ParamStore::Use use) {
      auto runner = ModelRunner::Create(config, use, context);
      COG_CHECK_OK(runner.status());
      return (*runner)->activation_plan();
    };
    const ActivationPlan training = plan(ParamStore::Use::kTraining);
    const ActivationPlan evaluation = plan(ParamStore::Use::kInference);
    EXPECT_EQ(evaluation.slots, 0);
    EXPECT_GT(training.slot_bytes, evaluation.scratch_bytes);
    EXPECT_LT(training.scratch_bytes, evaluation.scratch_bytes);
  });
}

// Activations, workspace and all grow no faster than the sequence.
TEST(PlanTest, MemoryIsLinearInTheSequenceLength) {
  RunConfig config = SmallConfig();
  config.mutable_batch()->set_micro_batch_size(1);
  const auto bytes = [&](int64_t seq) {
    config.mutable_model()->mutable_cogformer()->set_max_seq_len(seq);
    config.mutable_data()->set_seq_len(seq);
    const auto plan = TrainingStep::Plan(config, Mesh(), 0);
    COG_CHECK_OK(plan.status());
    return static_cast<double>(plan->memory.activations +
                               plan->memory.workspace);
  };
  EXPECT_LT(bytes(32768) / bytes(4096), 8.1);
}

TEST(ModelRunnerTest, EvaluationGivesTheTrainingLoss) {
  const RunConfig config = SmallConfig();
  testing::RunRankContexts(1, [&](RankContext& context) {
    auto created =
        ModelRunner::Create(config, ParamStore::Use::kTraining, context);
    ASSERT_TRUE(created.ok()) << created.status();
    ModelRunner& runner = **created;
    InitializeParameters(runner.params(), *context.streams.compute, 1);
    const auto load = [&](int64_t, Batch& batch) {
      batch = RampBatch(config);
      return absl::OkStatus();
    };
    UnitHooks no_hooks;
    ASSERT_TRUE(runner.Load(load).ok());
    runner.Train(0.01f, no_hooks);
    const auto loss = [&] {
      runner.ReadLoss();
      context.streams.compute->Synchronize();
      return runner.TakeLoss();
    };
    const ModelRunner::Loss training = loss();
    ASSERT_TRUE(runner.Load(load).ok());
    runner.Evaluate(no_hooks);
    EXPECT_EQ(loss().sum.Value(), training.sum.Value());
    EXPECT_EQ(loss().sum.Value(), 0);
    EXPECT_EQ(training.targets, 4 * 48);
    EXPECT_NEAR(training.sum.Value() / training.targets, std::log(512), 0.1);
  });
}

TEST(ModelRunnerTest, AfterAnErrorOfTheLoaderPassesGoOn) {
  const RunConfig config = SmallConfig();
  testing::RunRankContexts(1, [&](RankContext& context) {
    auto runner =
        ModelRunner::Create(config, ParamStore::Use::kTraining, context);
    ASSERT_TRUE(runner.ok()) << runner.status();
    int64_t loads = 0;
    const auto load = [&](int64_t index, Batch&) {
      ++loads;
      return index == 0 ? absl::OutOfRangeError("token 7") : absl::OkStatus();
    };
    EXPECT_EQ((*runner)->Load(load).message(), "token 7");
    EXPECT_EQ(loads, 2);
    UnitHooks no_hooks;
    (*runner)->Train(1, no_hooks);
  });
}

}  // namespace
}  // namespace cogdist
