// Whole updates on ranks as threads: the same training whatever the number of
// ranks, and the memory that was planned.

#include "launcher/training_step.h"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "launcher/config.h"
#include "models/init.h"
#include "parallel/single_communicator.h"
#include "runtime/rng.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

constexpr int64_t kBatch = 4, kSeq = 24, kVocab = 128;

RunConfig SmallConfig() {
  RunConfig config;
  CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
  model->set_vocab_size(kVocab);
  model->set_num_layers(3);
  model->set_hidden_size(64);
  model->set_num_heads(4);
  model->set_ffn_size(96);
  model->set_max_seq_len(kSeq);
  config.mutable_batch()->set_global_batch_size(kBatch);
  config.mutable_lr_schedule()->set_kind(LrScheduleConfig::CONSTANT);
  config.mutable_lr_schedule()->set_peak_lr(1e-3);
  config.set_train_steps(4);
  ResolveConfig("small.pbtxt", config);
  return config;
}

// One sequence a micro-batch: sample `index` of `step`.
void LoadSample(int64_t step, int64_t index, Batch& batch) {
  batch.shape = {1, kSeq};
  batch.num_targets = kSeq;
  batch.inputs.resize(kSeq);
  batch.targets.resize(kSeq);
  const Rng rng(step, index);
  for (int64_t t = 0; t < kSeq; ++t) {
    batch.inputs[t] = static_cast<int32_t>(rng.Below(kVocab, t));
    batch.targets[t] = static_cast<int32_t>(rng.Below(kVocab, t + 1));
  }
}

// Runs `body` on ranks as threads, each with the model and its initial weights.
using Body = std::function<void(RankContext&, TrainingStep&)>;
void RunRanks(int size, const RunConfig& config, const Body& body) {
  testing::RunRankContexts(size, [&](RankContext& context) {
    auto step = TrainingStep::Create(config, context);
    COG_CHECK_OK(step.status());
    InitializeParameters((*step)->runner().params(), *context.streams.compute,
                         1);
    body(context, **step);
  });
}

absl::StatusOr<TrainingStep::Result> RunStep(
    RankContext& context, TrainingStep& training, int64_t step,
    absl::string_view stop_reason = "") {
  const int64_t share = kBatch / context.world_size();
  const auto load = [&](int64_t index, Batch& batch) {
    LoadSample(step, context.rank() * share + index, batch);
    return absl::OkStatus();
  };
  return training.Run(step, load, stop_reason);
}

// Loss and gradient norm of every step, as the last rank sees them.
std::vector<double> Train(int ranks, const RunConfig& config) {
  std::vector<double> history;
  RunRanks(ranks, config, [&](RankContext& context, TrainingStep& training) {
    for (int64_t step = 1; step <= config.train_steps(); ++step) {
      const auto result = RunStep(context, training, step);
      COG_CHECK_OK(result.status());
      if (context.rank() != ranks - 1) continue;
      history.push_back(result->loss);
      history.push_back(result->grad_norm);
    }
  });
  return history;
}

TEST(TrainingStepTest, AnyNumberOfRanksTrainsAlike) {
  const RunConfig config = SmallConfig();
  const std::vector<double> alone = Train(1, config);
  EXPECT_NEAR(alone[0], std::log(kVocab), 0.2);
  EXPECT_LT(alone[6], alone[0]);
  for (const int ranks : {2, 4}) {
    const std::vector<double> shared = Train(ranks, config);
    ASSERT_EQ(shared.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) {
      EXPECT_NEAR(shared[i] / alone[i], 1, 1e-5) << ranks << " ranks, " << i;
    }
  }
}

// A host that writes its ranges down: names, and in parentheses what is within.
class NamingDevice : public CpuDevice {
 public:
  explicit NamingDevice(std::string& text) : text_(text) {}
  void PushRange(const char* name) override {
    if (!text_.empty() && text_.back() == ')') text_ += ' ';
    absl::StrAppend(&text_, name, "(");
  }
  void PopRange() override { text_ += ')'; }

 private:
  std::string& text_;
};

TEST(TrainingStepTest, RangesNameWhatAStepDoes) {
  RunConfig config = SmallConfig();
  config.mutable_model()->mutable_cogformer()->set_num_layers(2);
  config.mutable_batch()->set_global_batch_size(2);
  std::string text;
  auto context = MakeRankContext({}, *Mesh::Create(1, config.parallel()),
                                 std::make_unique<NamingDevice>(text),
                                 std::make_unique<SingleCommunicator>());
  ASSERT_TRUE(context.ok());
  auto step = TrainingStep::Create(config, *context);
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(text, "");
  ASSERT_TRUE(RunStep(*context, **step, 1).ok());
  const std::string pass =
      "forward(embedding() model.layers.0() model.layers.1() head()) "
      "backward(model.layers.1() model.layers.0() embedding()) ";
  EXPECT_EQ(text, absl::StrCat(pass, pass, "gradient sync() optimizer()"));
}

TEST(TrainingStepTest, TheSameLayoutGivesTheSameBits) {
  RunConfig config = SmallConfig();
  config.set_precision(BF16);
  EXPECT_EQ(Train(2, config), Train(2, config));
}

TEST(TrainingStepTest, PlannedBytesAreTheMeasuredPeak) {
  const RunConfig config = SmallConfig();
  for (const int ranks : {1, 2}) {
    RunRanks(ranks, config, [&](RankContext& context, TrainingStep& training) {
      COG_CHECK_OK(RunStep(context, training, 1).status());
      const double planned =
          static_cast<double>(training.plan().memory.device());
      EXPECT_NEAR(context.device->memory().peak_bytes / planned, 1, 0.05);
    });
  }
}

TEST(TrainingStepTest, OneRanksStopRequestReachesAll) {
  RunRanks(3, SmallConfig(), [](RankContext& context, TrainingStep& training) {
    EXPECT_EQ(RunStep(context, training, 1)->stop_reason, "");
    const std::string mine =
        context.rank() == 0 ? "" : absl::StrCat("wish of ", context.rank());
    EXPECT_EQ(RunStep(context, training, 2, mine)->stop_reason, "wish of 1");
  });
}

TEST(TrainingStepTest, ANonFiniteGradientOnOneRankSkipsTheUpdateOnAll) {
  RunRanks(2, SmallConfig(), [](RankContext& context, TrainingStep& training) {
    ParamStore& params = training.runner().params();
    float& weight = params.master(params.all()).Data<float>()[0];
    const float before = weight;
    const auto load = [&](int64_t, Batch& batch) {
      LoadSample(1, context.rank(), batch);
      // Every token is 0, the row that holds the broken weight.
      if (context.rank() == 1) batch.inputs.assign(kSeq, 0);
      return absl::OkStatus();
    };
    if (context.rank() == 1) weight = std::nanf("");
    const auto result = training.Run(1, load);
    EXPECT_TRUE(result->skipped);
    if (context.rank() == 0) {
      EXPECT_EQ(weight, before);
    }
  });
}

}  // namespace
}  // namespace cogdist
