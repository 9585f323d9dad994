// The bytes that ranks send in a step: those planned on a meta device, those
// really sent, and the formulas, which must all be the same.

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/byte_formulas.h"
#include "tests/testing/layout_training.h"
#include "tests/testing/random_layout.h"

namespace cogdist {
namespace {

using testing::LayoutRun;

std::string ToString(const CommunicationPlan& bytes) {
  return absl::StrCat("tensor ", bytes.tensor, ", context ", bytes.context,
                      ", pipeline ", bytes.pipeline, ", data ", bytes.data,
                      ", shared ", bytes.shared);
}

CommunicationPlan Sum(const std::vector<CommunicationPlan>& ranks) {
  CommunicationPlan sum;
  for (const CommunicationPlan& bytes : ranks) {
    sum.tensor += bytes.tensor;
    sum.context += bytes.context;
    sum.pipeline += bytes.pipeline;
    sum.data += bytes.data;
    sum.shared += bytes.shared;
  }
  return sum;
}

std::vector<CommunicationPlan> Planned(const LayoutRun& run) {
  const auto mesh = Mesh::Create(run.world, run.config.parallel());
  COG_CHECK_OK(mesh.status());
  std::vector<CommunicationPlan> ranks;
  for (int rank = 0; rank < run.world; ++rank) {
    const auto plan = TrainingStep::Plan(run.config, *mesh, rank);
    COG_CHECK_OK(plan.status());
    ranks.push_back(plan->communication);
  }
  return ranks;
}

// Since the start.
CommunicationPlan Sent(RankContext& context, TrainingStep& training) {
  training.WaitForWeights();
  context.streams.replicas->Synchronize();
  const auto bytes = [](const std::unique_ptr<Communicator>& group) {
    return group == nullptr ? 0 : group->traffic().data_bytes;
  };
  ModelRunner& runner = training.runner();
  return {
      .tensor = bytes(context.groups.tensor),
      .context = bytes(context.groups.context),
      .pipeline = runner.pipeline().traffic().data_bytes,
      .data = bytes(context.groups.replicas),
      .shared = bytes(runner.groups().kv_copies) + bytes(runner.groups().tied)};
}

// By rank, of `steps` steps together.
std::vector<CommunicationPlan> ReallySent(const LayoutRun& run, int64_t steps) {
  std::vector<CommunicationPlan> ranks(run.world);
  testing::RunLayout(run, "", [&](RankContext& context, TrainingStep& step) {
    for (int64_t i = 1; i <= steps; ++i) {
      COG_CHECK_OK(
          testing::RunRandomStep(run.config, context, step, i).status());
    }
    ranks[context.rank()] = Sent(context, step);
  });
  return ranks;
}

// Returns the bytes of all ranks.
CommunicationPlan ExpectTheFormulas(const LayoutRun& run) {
  SCOPED_TRACE(Describe(run));
  const std::vector<CommunicationPlan> planned = Planned(run);
  for (const int64_t steps : {1, 2}) {
    const std::vector<CommunicationPlan> sent = ReallySent(run, steps);
    for (int rank = 0; rank < run.world; ++rank) {
      const std::vector<CommunicationPlan> steps_of_rank(steps, planned[rank]);
      EXPECT_EQ(ToString(sent[rank]), ToString(Sum(steps_of_rank)))
          << "rank " << rank << " in " << steps << " steps";
    }
  }
  const CommunicationPlan total = Sum(planned);
  EXPECT_EQ(ToString(total), ToString(testing::ByteFormulas(run).Totals()));
  return total;
}

// Odd vocabulary and ffn; 3 micro-batches of 2 sequences of 24 tokens.
LayoutRun RunOf(int data, const std::function<void(RunConfig&)>& change) {
  LayoutRun run;
  RunConfig& config = run.config;
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_vocab_size(37);
  model.set_num_layers(4);
  model.set_hidden_size(24);
  model.set_num_heads(4);
  model.set_head_dim(6);
  model.set_ffn_size(41);
  config.mutable_data()->set_seq_len(24);
  config.mutable_batch()->set_micro_batch_size(2);
  config.mutable_batch()->set_global_batch_size(6 * data);
  change(config);
  testing::FinishRun(config);
  run.world = static_cast<int>(data * config.parallel().tensor() *
                               config.parallel().context() *
                               config.parallel().pipeline());
  COG_CHECK_OK(
      ValidateConfig(config, {.world_size = run.world, .check_files = false}));
  return run;
}

constexpr ActivationCheckpointing kModes[] = {NONE, SELECTIVE, FULL};

TEST(CommunicationBytesTest, OneRankSendsNothing) {
  EXPECT_EQ(ExpectTheFormulas(RunOf(1, [](RunConfig&) {})).total(), 0);
}

TEST(CommunicationBytesTest, TensorParallel) {
  for (const bool sequence_parallel : {false, true}) {
    for (const ActivationCheckpointing mode : kModes) {
      for (const int64_t kv_heads : {4, 2, 1}) {
        ExpectTheFormulas(RunOf(1, [&](RunConfig& config) {
          config.mutable_parallel()->set_tensor(4);
          config.mutable_parallel()->set_sequence_parallel(sequence_parallel);
          config.mutable_model()->mutable_cogformer()->set_num_kv_heads(
              kv_heads);
          config.set_activation_checkpointing(mode);
        }));
      }
    }
  }
}

// A hand-computed case: 3 micro-batches of x = 2 * 24 * 24 * 4 = 4608 bytes,
// over 2 ranks.
TEST(CommunicationBytesTest, TensorParallelByHand) {
  const auto total = [](bool sequence_parallel) {
    return ExpectTheFormulas(
               RunOf(1,
                     [&](RunConfig& config) {
                       config.mutable_parallel()->set_tensor(2);
                       config.mutable_parallel()->set_sequence_parallel(
                           sequence_parallel);
                     }))
        .tensor;
  };
  constexpr int64_t kLoss = 24 * 2 * 24;
  EXPECT_EQ(total(false), 3 * ((4 * 8 + 2 + 2) * 4608 + kLoss));
  EXPECT_EQ(total(true), 3 * ((4 * 10 + 2 + 2) * 4608 + kLoss) +
                             9 * 2 * 4 * 24);  // 9 gains of 24 elements
}

TEST(CommunicationBytesTest, EveryZeroStage) {
  for (const bool tied : {false, true}) {
    for (const Determinism determinism : {RUN_TO_RUN, LAYOUT_INVARIANT}) {
      for (const int64_t stage : {0, 1, 2, 3}) {
        for (const Precision precision : {FP32, BF16}) {
          ExpectTheFormulas(RunOf(4, [&](RunConfig& config) {
            config.mutable_parallel()->set_zero_stage(stage);
            config.mutable_model()->mutable_cogformer()->set_tie_embeddings(
                tied);
            config.set_deterministic(determinism);
            config.set_precision(precision);
          }));
        }
      }
    }
  }
}

TEST(CommunicationBytesTest, Pipeline) {
  for (const int64_t chunks : {1, 2}) {
    for (const bool sequence_parallel : {false, true}) {
      for (const bool tied : {false, true}) {
        ExpectTheFormulas(RunOf(1, [&](RunConfig& config) {
          ParallelConfig& parallel = *config.mutable_parallel();
          parallel.set_pipeline(2);
          parallel.set_virtual_pipeline(chunks);
          parallel.set_tensor(2);
          parallel.set_sequence_parallel(sequence_parallel);
          config.mutable_model()->mutable_cogformer()->set_tie_embeddings(tied);
        }));
      }
    }
  }
}

TEST(CommunicationBytesTest, Context) {
  for (const int64_t context : {2, 3}) {
    for (const ActivationCheckpointing mode : kModes) {
      for (const Precision precision : {FP32, BF16}) {
        ExpectTheFormulas(RunOf(1, [&](RunConfig& config) {
          config.mutable_parallel()->set_context(context);
          config.mutable_model()->mutable_cogformer()->set_num_kv_heads(2);
          config.set_activation_checkpointing(mode);
          config.set_precision(precision);
        }));
      }
    }
  }
}

TEST(CommunicationBytesTest, MixedLayouts) {
  for (const uint64_t seed : testing::Seeds(15)) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    LayoutRun run = testing::DrawRun(seed);
    run.config.set_precision(seed % 3 == 0 ? BF16 : FP32);
    if (seed % 5 == 0) run.config.set_deterministic(LAYOUT_INVARIANT);
    if (ValidateConfig(run.config,
                       {.world_size = run.world, .check_files = false})
            .ok()) {
      ExpectTheFormulas(run);
    }
  }
}

}  // namespace
}  // namespace cogdist
