// Training steps on virtual GPUs: what they take of memory and of the host, and
// that a recorded step is the step.

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "launcher/config_override.h"
#include "models/init.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/testing/layout_training.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

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
              const std::function<void(RankContext&, TrainingStep&)>& body) {
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
      });
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

std::vector<double> Train(const Layout& layout, const RunConfig& config,
                          const vgpu::Options& gpus) {
  vgpu::Machine machine(gpus);
  std::vector<double> history;
  RunSteps(layout, config, [&](RankContext& context, TrainingStep& step) {
    for (int64_t number = 1; number <= 4; ++number) {
      const auto result = testing::RunRandomStep(config, context, step, number);
      COG_CHECK_OK(result.status());
      if (context.rank() > 0) continue;
      history.push_back(result->loss);
      history.push_back(result->grad_norm);
    }
  });
  EXPECT_THAT(machine.reports(), IsEmpty());
  return history;
}

// Step 3 is recorded, and launched; so is step 4.
TEST_P(GpuStepTest, ARecordedStepIsTheStep) {
  RunConfig config = ConfigOf(GetParam());
  const vgpu::Options gpus = {
      .devices = GetParam().ranks, .seed = 3, .check_kernels = false};
  const std::vector<double> recorded = Train(GetParam(), config, gpus);
  config.set_cuda_graph(false);
  EXPECT_EQ(recorded, Train(GetParam(), config, gpus));
}

// Nothing is read before it was waited for, and nothing unwritten is read.
TEST_P(GpuStepTest, EveryAccessIsInOrder) {
  const RunConfig config = ConfigOf(GetParam());
  const std::vector<double> history =
      Train(GetParam(), config,
            {.devices = GetParam().ranks, .seed = 5, .lazy = true});
  for (const double x : history) EXPECT_TRUE(std::isfinite(x));
}

INSTANTIATE_TEST_SUITE_P(Layouts, GpuStepTest, ::testing::ValuesIn(kLayouts),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cogdist
