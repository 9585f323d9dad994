// Training steps on virtual GPUs: what they take of memory and of the host, and
// that a recorded step is the step.

#include <cmath>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "launcher/config_override.h"
#include "models/init.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/testing/layout_training.h"
#include "tests/vgpu/ledgers.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Layout {
  std::string name;
  int ranks = 1;
  std::vector<std::string> sets;
};

const Layout kLayouts[] = {
    {.name = "one_rank"},
    {.name = "data_2", .ranks = 2},
    {.name = "zero_1", .ranks = 2, .sets = {"parallel.zero_stage=1"}},
    {.name = "zero_3", .ranks = 2, .sets = {"parallel.zero_stage=3"}},
    {.name = "tensor_2",
     .ranks = 2,
     .sets = {"parallel.tensor=2", "parallel.sequence_parallel=true"}},
    {.name = "pipeline_2", .ranks = 2, .sets = {"parallel.pipeline=2"}},
    {.name = "interleaved_2",
     .ranks = 2,
     .sets = {"parallel.pipeline=2", "parallel.virtual_pipeline=2",
              "model.cogformer.num_layers=4"}},
    {.name = "context_2",
     .ranks = 2,
     .sets = {"parallel.context=2", "data.document_mask=true"}},
};

// With groups of several kinds side by side.
const Layout kMixedLayouts[] = {
    {.name = "data_2_tensor_2",
     .ranks = 4,
     .sets = {"parallel.tensor=2", "parallel.sequence_parallel=true",
              "parallel.zero_stage=3"}},
    {.name = "tensor_2_context_2",
     .ranks = 4,
     .sets = {"parallel.tensor=2", "parallel.context=2"}},
    {.name = "data_2_interleaved_2",
     .ranks = 4,
     .sets = {"parallel.pipeline=2", "parallel.virtual_pipeline=2",
              "model.cogformer.num_layers=4", "parallel.zero_stage=2"}},
    {.name = "context_2_pipeline_2",
     .ranks = 4,
     .sets = {"parallel.context=2", "parallel.pipeline=2"}},
    {.name = "data_2_tensor_2_pipeline_2",
     .ranks = 8,
     .sets = {"parallel.tensor=2", "parallel.pipeline=2",
              "parallel.zero_stage=1"}},
    {.name = "pipeline_4",
     .ranks = 4,
     .sets = {"parallel.pipeline=4", "model.cogformer.num_layers=4"}},
};

RunConfig ConfigOf(const Layout& layout) {
  RunConfig config;
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_vocab_size(64);
  model.set_num_layers(2);
  model.set_hidden_size(32);
  model.set_num_heads(2);
  model.set_ffn_size(48);
  config.mutable_data()->set_seq_len(16);
  config.mutable_data()->set_eos_token_id(0);
  config.mutable_batch()->set_global_batch_size(4);
  COG_CHECK_OK(ApplyOverrides(layout.sets, config));
  testing::FinishRun(config);
  config.set_device(CUDA);
  return config;
}

// Runs `body` on every rank, with the initial weights.
void RunSteps(const Layout& layout, const RunConfig& config,
              const std::function<void(RankContext&, TrainingStep&)>& body,
              absl::Span<Ledger* const> ledgers = {}) {
  testing::RunGpuRankContexts(
      *CogdistGpuBackend(), layout.ranks, config.parallel(),
      [&](RankContext& context) {
        auto step = TrainingStep::Create(config, context);
        COG_CHECK_OK(step.status());
        InitializeParameters((*step)->runner().params(),
                             *context.streams.compute, 1);
        body(context, **step);
        // Others may still need what this rank is about to give back.
        context.groups.world->Barrier();
      },
      ledgers);
}

class GpuStepTest : public ::testing::TestWithParam<Layout> {};

TEST_P(GpuStepTest, TakesThePlannedMemoryAndOneWaitOfTheHost) {
  const RunConfig config = ConfigOf(GetParam());
  const int ranks = GetParam().ranks;
  vgpu::Machine machine({.devices = ranks, .check_kernels = false});
  RunSteps(GetParam(), config, [&](RankContext& context, TrainingStep& step) {
    int64_t allocations = 0, waits = 0;
    for (int64_t number = 1; number <= 5; ++number) {
      context.groups.world->Barrier();
      if (number == 3) allocations = machine.calls("cudaMalloc");
      waits = machine.host_waits();
      context.groups.world->Barrier();
      COG_CHECK_OK(
          testing::RunRandomStep(config, context, step, number).status());
      context.groups.world->Barrier();
      EXPECT_EQ(machine.host_waits() - waits, ranks) << "step " << number;
    }
    EXPECT_EQ(machine.calls("cudaMalloc"), allocations);
    EXPECT_EQ(context.device->memory().peak_bytes, step.plan().memory.device());
    EXPECT_EQ(machine.memory(context.rank()).peak_bytes(),
              step.plan().memory.device());
  });
  EXPECT_GT(machine.calls("cudaGraphLaunch"), 0);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

struct History {
  std::vector<double> values;  // loss and norm of each step
  int64_t launches = 0;        // of graphs, on all ranks
};

History Train(const Layout& layout, const RunConfig& config,
              const vgpu::Options& gpus,
              absl::Span<Ledger* const> ledgers = {}) {
  vgpu::Machine machine(gpus);
  History history;
  RunSteps(
      layout, config,
      [&](RankContext& context, TrainingStep& step) {
        for (int64_t number = 1; number <= 4; ++number) {
          const auto result =
              testing::RunRandomStep(config, context, step, number);
          COG_CHECK_OK(result.status());
          if (context.rank() > 0) continue;
          history.values.push_back(result->loss);
          history.values.push_back(result->grad_norm);
        }
      },
      ledgers);
  EXPECT_THAT(machine.reports(), IsEmpty());
  history.launches = machine.calls("cudaGraphLaunch");
  return history;
}

// Step 3 is recorded, and launched; so is step 4. As in jobs of processes, the
// collectives are watched over.
TEST_P(GpuStepTest, ARecordedStepIsTheStep) {
  RunConfig config = ConfigOf(GetParam());
  const int ranks = GetParam().ranks;
  const vgpu::Options gpus = {
      .devices = ranks, .seed = 3, .check_kernels = false};
  const vgpu::Ledgers ledgers(ranks);
  const History recorded = Train(GetParam(), config, gpus, ledgers.all());
  EXPECT_EQ(recorded.launches, 2 * ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    const Ledger::LaneState steps = ledgers.Lane(rank, "world steps");
    EXPECT_EQ(steps.begun, 2);
    EXPECT_EQ(steps.finished, 2);
  }
  config.set_cuda_graph(false);
  const History enqueued = Train(GetParam(), config, gpus);
  EXPECT_EQ(recorded.values, enqueued.values);
  EXPECT_EQ(enqueued.launches, 0);
}

// NCCL operations hold their GPUs until all have come.
class RoomTest : public ::testing::TestWithParam<Layout> {};

TEST_P(RoomTest, NoRankWaitsForWhatAnotherHasNoRoomFor) {
  const RunConfig config = ConfigOf(GetParam());
  const History history =
      Train(GetParam(), config,
            {.devices = GetParam().ranks,
             .seed = 9,
             .check_kernels = false,
             .concurrent_collectives = testing::RoomFor(config.parallel()),
             .share_queues = true});
  EXPECT_EQ(history.launches, 2 * GetParam().ranks);
}

// A driver for CUDA 12.8 cannot record messages that are under way at a time.
TEST_P(RoomTest, WhatAnOldDriverCannotRecordIsEnqueued) {
  const RunConfig config = ConfigOf(GetParam());
  const History history = Train(GetParam(), config,
                                {.devices = GetParam().ranks,
                                 .check_kernels = false,
                                 .driver_version = 12080});
  const bool recorded = config.parallel().pipeline() <= 1;
  EXPECT_EQ(history.launches, recorded ? 2 * GetParam().ranks : 0);
}

// Nothing is read before it was waited for, and nothing unwritten is read.
TEST_P(GpuStepTest, EveryAccessIsInOrder) {
  const RunConfig config = ConfigOf(GetParam());
  const History history =
      Train(GetParam(), config,
            {.devices = GetParam().ranks, .seed = 5, .lazy = true});
  for (const double x : history.values) EXPECT_TRUE(std::isfinite(x));
}

TEST(StepGraphTest, WhoDoesNotComeToARecordedStepIsNamed) {
  const Layout& layout = kLayouts[1];
  const RunConfig config = ConfigOf(layout);
  vgpu::Machine machine({.devices = 2,
                         .check_kernels = false,
                         .collective_timeout_seconds = vgpu::kNever});
  const vgpu::Ledgers ledgers(2);
  std::promise<std::string> said;
  std::string message;
  RunSteps(
      layout, config,
      [&](RankContext& context, TrainingStep& step) {
        const int rank = context.rank();
        for (int64_t number = 1; number <= 4; ++number) {
          COG_CHECK_OK(
              testing::RunRandomStep(config, context, step, number).status());
        }
        context.groups.world->Barrier();
        std::optional<vgpu::Watch> watch;
        if (rank == 0) watch.emplace(*ledgers.all()[0], 0.5, said);
        if (rank == 1) message = said.get_future().get();
        COG_CHECK_OK(testing::RunRandomStep(config, context, step, 5).status());
      },
      ledgers.all());
  EXPECT_THAT(message,
              AllOf(HasSubstr("rank 0, step 5: recorded step (operation 3 of "
                              "group world steps) has not ended"),
                    HasSubstr("; missing: rank 1; with cuda_graph: false")));
}

// Half of the time that the watch allows is over at once.
TEST(StepGraphTest, WhatTakesLongIsNotRecordedUnderAWatch) {
  const Layout& layout = kLayouts[1];
  RunConfig config = ConfigOf(layout);
  config.mutable_resilience()->set_collective_timeout_seconds(1e-6);
  const vgpu::Ledgers ledgers(2);
  const vgpu::Options gpus = {.devices = 2, .check_kernels = false};
  EXPECT_EQ(Train(layout, config, gpus, ledgers.all()).launches, 0);
  EXPECT_EQ(Train(layout, config, gpus).launches, 4);
}

// One for CUDA 12.2 cannot even enqueue them.
TEST(OldDriverTest, HasNoPipelines) {
  const Layout layout = {
      .name = "pipeline_2", .ranks = 2, .sets = {"parallel.pipeline=2"}};
  const RunConfig config = ConfigOf(layout);
  const vgpu::Machine machine(
      {.devices = 2, .check_kernels = false, .driver_version = 12020});
  testing::RunGpuRankContexts(
      *CogdistGpuBackend(), 2, config.parallel(), [&](RankContext& context) {
        const absl::Status created =
            TrainingStep::Create(config, context).status();
        EXPECT_EQ(created.code(), absl::StatusCode::kFailedPrecondition);
        EXPECT_THAT(created.message(),
                    HasSubstr("update it to one for CUDA 12.3 or later"));
      });
  EXPECT_THAT(machine.reports(), IsEmpty());
}

std::string NameOf(const ::testing::TestParamInfo<Layout>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Layouts, GpuStepTest, ::testing::ValuesIn(kLayouts),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Layouts, RoomTest, ::testing::ValuesIn(kLayouts),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(MixedLayouts, RoomTest,
                         ::testing::ValuesIn(kMixedLayouts), NameOf);

}  // namespace
}  // namespace cogdist
