// Golden runs on virtual GPUs: the whole trainer with `device: CUDA`, its
// kernels emulated, against the float64 runs. Ranks are threads of this
// process, each with a device of its own.

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "launcher/config.h"
#include "launcher/stop_request.h"
#include "launcher/training_run.h"
#include "launcher/validate.h"
#include "nlohmann/json.hpp"
#include "tests/golden/golden_run.h"
#include "tests/temp_dir.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using ::testing::IsEmpty;
using Json = nlohmann::json;
using Steps = std::map<int64_t, Json>;

// The configuration of a golden case, wherever this process runs.
RunConfig ConfigOf(const std::string& source, const std::string& run_dir,
                   const std::vector<std::string>& changes) {
  const std::string folder =
      std::filesystem::absolute(absl::StrCat("tests/golden/", source));
  std::vector<std::string> sets = {
      absl::StrCat("data.train.0.prefix=", folder, "/tokens"),
      absl::StrCat("init_from=", folder, "/init.safetensors"),
      absl::StrCat("run_dir=", run_dir), "peak_tflops=1"};
  sets.insert(sets.end(), changes.begin(), changes.end());
  auto config = LoadRunConfig(absl::StrCat(folder, "/config.pbtxt"), sets);
  COG_CHECK_OK(config.status());
  return *std::move(config);
}

// Of a run's 20 steps. An emulated one takes a second, and four with all
// checks.
int64_t StepsToTrain() {
  return std::getenv("COGDIST_ALL_STEPS") != nullptr ? 20 : 3;
}

// Lines of the metrics of a run, by step.
Steps Train(const std::string& source, int ranks,
            const std::vector<std::string>& changes, int64_t steps,
            vgpu::Options gpus = {.seed = 7,
                                  .check_kernels = false,
                                  .concurrent_collectives = 2,
                                  .share_queues = true}) {
  const TempDir work;
  const TrainingRunOptions options = {
      .config = ConfigOf(source, work / "run", changes), .steps = steps};
  COG_CHECK_OK(ValidateConfig(options.config, {.world_size = ranks}));
  const StopRequest stop;
  gpus.devices = ranks;
  vgpu::Machine machine(gpus);
  testing::RunGpuRankContexts(
      *CogdistGpuBackend(), ranks, options.config.parallel(),
      [&](RankContext& context) {
        const auto end = RunTraining(options, stop, context);
        COG_CHECK_OK(end.status());
        COG_CHECK(*end == ExitCode::kDone);
      });
  EXPECT_THAT(machine.reports(), IsEmpty());
  return ReadSteps(work / "run/metrics.jsonl");
}

struct Layout {
  std::string name;
  int ranks = 1;
  std::vector<std::string> sets;
};

const Layout kLayouts[] = {
    {.name = "one_rank"},
    {.name = "data_2", .ranks = 2},
    {.name = "tensor_2", .ranks = 2, .sets = {"parallel.tensor=2"}},
    {.name = "pipeline_2", .ranks = 2, .sets = {"parallel.pipeline=2"}},
    {.name = "context_2", .ranks = 2, .sets = {"parallel.context=2"}},
    {.name = "zero_3", .ranks = 2, .sets = {"parallel.zero_stage=3"}},
};

std::vector<std::string> OnCuda(std::vector<std::string> sets) {
  sets.push_back("device=CUDA");
  return sets;
}

class VirtualGpuTest
    : public ::testing::TestWithParam<std::tuple<std::string, Layout>> {};

TEST_P(VirtualGpuTest, FollowsTheFloat64Run) {
  const auto& [source, layout] = GetParam();
  const int64_t steps = StepsToTrain();
  ExpectFloat64Run(
      source, Train(source, layout.ranks, OnCuda(layout.sets), steps), steps);
}

std::string NameOf(
    const ::testing::TestParamInfo<VirtualGpuTest::ParamType>& info) {
  return absl::StrCat(std::get<0>(info.param), "_",
                      std::get<1>(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Layouts, VirtualGpuTest,
                         ::testing::Combine(::testing::Values("cog_docmask",
                                                              "cog_gqa_tied"),
                                            ::testing::ValuesIn(kLayouts)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(OneRank, VirtualGpuTest,
                         ::testing::Combine(::testing::Values("cog_mha",
                                                              "softmax_mha"),
                                            ::testing::Values(kLayouts[0])),
                         NameOf);
// With the slow tests alone.
INSTANTIATE_TEST_SUITE_P(
    More, VirtualGpuTest,
    ::testing::Combine(::testing::Values("cog_mha", "softmax_mha"),
                       ::testing::ValuesIn(std::vector<Layout>(
                           std::begin(kLayouts) + 1, std::end(kLayouts)))),
    NameOf);

// A bfloat16 run has no float64 twin: it is compared with the host's. The first
// step shows their rounding, later ones what training makes of it, as in
// golden_test.cc.
class VirtualGpuBfloat16Test : public ::testing::TestWithParam<std::string> {};

TEST_P(VirtualGpuBfloat16Test, FollowsTheHostsRun) {
  GoldenResult host =
      RunGolden(GetParam(), {.sets = {"precision=BF16", "device=CPU"}});
  ASSERT_EQ(host.process.exit_code, 0) << host.process.output;
  const int64_t count = StepsToTrain();
  Steps steps = Train(GetParam(), 1, OnCuda({"precision=BF16"}), count);
  ASSERT_EQ(static_cast<int64_t>(steps.size()), count);
  for (const auto& [step, got] : steps) {
    const Json& want = host.steps[step];
    SCOPED_TRACE(got.dump());
    EXPECT_LE(RelativeError(got["loss"], want["loss"]),
              step == 1 ? 2e-4 : 6e-3);
    EXPECT_LE(RelativeError(got["grad_norm"], want["grad_norm"]),
              step == 1 ? 1e-3 : 8e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, VirtualGpuBfloat16Test,
                         ::testing::Values("cog_docmask", "cog_gqa_tied"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cogdist
