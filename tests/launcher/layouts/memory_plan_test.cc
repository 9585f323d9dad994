// The planned memory of ranks in every layout: what a real step then takes, and
// what each way of sharing saves.

#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "launcher/model_runner.h"
#include "parallel/meta_rank_context.h"
#include "tests/testing/layout_training.h"
#include "tests/testing/random_layout.h"

namespace cogdist {
namespace {

using testing::LayoutRun;

// Two steps, after which nothing more is allocated.
void ExpectThePlannedPeak(const LayoutRun& run) {
  SCOPED_TRACE(Describe(run));
  testing::RunLayout(run, "", [&](RankContext& context, TrainingStep& step) {
    const auto train = [&](int64_t number) {
      COG_CHECK_OK(
          testing::RunRandomStep(run.config, context, step, number).status());
      return context.device->memory();
    };
    train(1);
    const MemoryStats before = train(2);
    const MemoryStats after = train(3);
    EXPECT_EQ(after.peak_bytes, before.peak_bytes);
    EXPECT_EQ(after.current_bytes, before.current_bytes);
    const int64_t planned = step.plan().memory.device();
    EXPECT_EQ(after.peak_bytes, planned) << "rank " << context.rank();
  });
}

TEST(MemoryPlanTest, EveryLayoutTakesWhatIsPlanned) {
  for (const uint64_t seed : testing::Seeds(25, 500)) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    LayoutRun run = testing::DrawRun(seed);
    if (seed % 3 == 0) run.config.set_precision(BF16);
    if (seed % 5 == 0) run.config.set_deterministic(LAYOUT_INVARIANT);
    if (ValidateConfig(run.config,
                       {.world_size = run.world, .check_files = false})
            .ok()) {
      ExpectThePlannedPeak(run);
    }
  }
}

// Eight layers on four ranks; activations and parameters are both much.
RunConfig ConfigWith(const std::function<void(RunConfig&)>& change) {
  RunConfig config;
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_vocab_size(256);
  model.set_num_layers(8);
  model.set_hidden_size(64);
  model.set_num_heads(4);
  model.set_head_dim(16);
  model.set_ffn_size(192);
  config.mutable_data()->set_seq_len(64);
  config.mutable_batch()->set_micro_batch_size(2);
  config.mutable_batch()->set_global_batch_size(32);
  change(config);
  testing::FinishRun(config);
  COG_CHECK_OK(ValidateConfig(config, {.world_size = 4, .check_files = false}));
  return config;
}

std::vector<MemoryPlan> PlansOf(const RunConfig& config) {
  const auto mesh = Mesh::Create(4, config.parallel());
  COG_CHECK_OK(mesh.status());
  std::vector<MemoryPlan> ranks;
  for (int rank = 0; rank < 4; ++rank) {
    const auto plan = TrainingStep::Plan(config, *mesh, rank);
    COG_CHECK_OK(plan.status());
    ranks.push_back(plan->memory);
  }
  return ranks;
}

int64_t Sum(const std::vector<MemoryPlan>& ranks, int64_t MemoryPlan::*kind) {
  int64_t sum = 0;
  for (const MemoryPlan& plan : ranks) sum += plan.*kind;
  return sum;
}

// Stage 1 shares out the optimizer's state, 2 also the gradients, 3 also the
// weights; what is shared is there once, and beside it slots for two units.
TEST(MemoryPlanTest, EachZeroStageSharesOutOneKindMore) {
  std::vector<std::vector<MemoryPlan>> stages;
  for (const int64_t stage : {0, 1, 2, 3}) {
    stages.push_back(PlansOf(ConfigWith([&](RunConfig& config) {
      config.mutable_parallel()->set_zero_stage(stage);
    })));
  }
  const int64_t whole = Sum(stages[0], &MemoryPlan::weights);
  EXPECT_EQ(Sum(stages[0], &MemoryPlan::gradients), whole);
  EXPECT_EQ(Sum(stages[0], &MemoryPlan::optimizer), 2 * whole);
  const int64_t block = 4 * (2 * 64 + 4 * 64 * 64 + 3 * 64 * 192);
  const int64_t shared = whole / 4, slots = 4 * 2 * block;
  const auto expect = [&](int stage, int64_t MemoryPlan::*kind, int64_t bytes) {
    const auto got = static_cast<double>(Sum(stages[stage], kind));
    // Parts are rounded up to the device's alignment.
    EXPECT_NEAR(got / static_cast<double>(bytes), 1, 0.01) << stage;
  };
  expect(1, &MemoryPlan::weights, whole);
  expect(1, &MemoryPlan::gradients, whole);
  expect(1, &MemoryPlan::optimizer, 2 * shared);
  expect(2, &MemoryPlan::weights, whole);
  expect(2, &MemoryPlan::gradients, shared + slots);
  expect(2, &MemoryPlan::optimizer, 2 * shared);
  expect(3, &MemoryPlan::weights, shared + slots);
  expect(3, &MemoryPlan::gradients, shared + slots);
  expect(3, &MemoryPlan::optimizer, 2 * shared);
  for (int stage = 1; stage < 4; ++stage) {
    EXPECT_EQ(Sum(stages[stage], &MemoryPlan::activations),
              Sum(stages[0], &MemoryPlan::activations));
  }
}

ActivationPlan ActivationsOf(const RunConfig& config, int rank) {
  const auto mesh = Mesh::Create(4, config.parallel());
  COG_CHECK_OK(mesh.status());
  RankContext meta = MakeMetaRankContext(*mesh, rank);
  const auto runner =
      ModelRunner::Create(config, ParamStore::Use::kTraining, meta);
  COG_CHECK_OK(runner.status());
  return (*runner)->activation_plan();
}

// Stage r keeps p - r micro-batches, and has one scratch for all of them.
TEST(MemoryPlanTest, APipelineKeepsWhatIsInFlight) {
  const auto with = [](int64_t micro_batches) {
    return ConfigWith([&](RunConfig& config) {
      config.mutable_parallel()->set_pipeline(4);
      config.mutable_batch()->set_global_batch_size(2 * micro_batches);
    });
  };
  for (int rank = 0; rank < 4; ++rank) {
    const ActivationPlan one = ActivationsOf(with(1), rank);
    const ActivationPlan many = ActivationsOf(with(16), rank);
    EXPECT_EQ(one.slots, 1);
    EXPECT_EQ(many.slots, 4 - rank);
    EXPECT_EQ(many.slot_bytes, one.slot_bytes);
    EXPECT_EQ(many.scratch_bytes, one.scratch_bytes);
    EXPECT_EQ(many.common_bytes, one.common_bytes);
  }
}

// Tensor ranks share heads and inner activations; with sequence parallelism all
// that is kept.
TEST(MemoryPlanTest, SequenceParallelismSharesOutAllThatIsKept) {
  const auto kept = [](int64_t tensor, bool sequence_parallel) {
    return static_cast<double>(
        ActivationsOf(ConfigWith([&](RunConfig& config) {
                        ParallelConfig& parallel = *config.mutable_parallel();
                        parallel.set_tensor(tensor);
                        parallel.set_sequence_parallel(sequence_parallel);
                      }),
                      0)
            .slot_bytes);
  };
  const double alone = kept(1, false);
  EXPECT_GT(kept(4, false), 0.4 * alone);
  EXPECT_NEAR(kept(4, true) / alone, 0.25, 0.01);
  EXPECT_NEAR(kept(2, true) / alone, 0.5, 0.01);
}

// Each rank of a context group keeps its tokens.
TEST(MemoryPlanTest, ContextRanksShareOutTheTokens) {
  const auto kept = [](int64_t context) {
    return ActivationsOf(ConfigWith([&](RunConfig& config) {
                           config.mutable_parallel()->set_context(context);
                         }),
                         0)
        .slot_bytes;
  };
  // Small tensors round up to the arena's alignment.
  EXPECT_NEAR(kept(4) * 4.0 / kept(1), 1, 0.01);
}

}  // namespace
}  // namespace cogdist
