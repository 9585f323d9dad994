// Golden runs of the real program on GPUs against the float64 runs: one rank,
// and, with a GPU for each, two.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_run.h"
#include "tests/parallel/gpu/gpu_device.h"

namespace cogdist {
namespace {

const GoldenVariant kVariants[] = {
    {.name = "one_rank"},
    {.name = "without_graph", .sets = {"cuda_graph=false"}},
    {.name = "data_2", .ranks = 2},
    {.name = "tensor_2", .ranks = 2, .sets = {"parallel.tensor=2"}},
    {.name = "pipeline_2", .ranks = 2, .sets = {"parallel.pipeline=2"}},
    {.name = "context_2", .ranks = 2, .sets = {"parallel.context=2"}},
    {.name = "zero_3", .ranks = 2, .sets = {"parallel.zero_stage=3"}},
};

class GpuGoldenTest
    : public ::testing::TestWithParam<std::tuple<std::string, GoldenVariant>> {
};

TEST_P(GpuGoldenTest, FollowsTheFloat64Run) {
  auto [source, variant] = GetParam();
  COGDIST_NEEDS_GPUS(variant.ranks);
  variant.sets.push_back("device=CUDA");
  variant.sets.push_back("peak_tflops=1");
  const char* const steps = std::getenv("COGDIST_GOLDEN_STEPS");
  if (steps != nullptr) variant.flags = absl::StrCat("--steps ", steps);
  const GoldenResult run = RunGolden(source, variant);
  ASSERT_EQ(run.process.exit_code, 0) << run.process.output;
  ExpectFloat64Run(source, run.steps, steps == nullptr ? 20 : std::atoi(steps));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GpuGoldenTest,
    ::testing::Combine(::testing::Values("cog_docmask", "cog_gqa_tied",
                                         "cog_mha", "softmax_mha"),
                       ::testing::ValuesIn(kVariants)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), "_",
                          std::get<1>(info.param).name);
    });

}  // namespace
}  // namespace cogdist
