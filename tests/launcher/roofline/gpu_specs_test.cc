#include "launcher/roofline/gpu_specs.h"

#include "gmock/gmock.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

// Dense bfloat16 FLOP a clock of an SM, from the architectures' white papers.
TEST(GpuSpecsTest, ThePeakIsThatOfTheTensorCoresAtTheClock) {
  const double per_clock[] = {2048, 4096, 4096, 8192};
  ASSERT_EQ(GpuSpecs().size(), 4u);
  for (size_t i = 0; i < GpuSpecs().size(); ++i) {
    const GpuSpec& gpu = GpuSpecs()[i];
    EXPECT_NEAR(gpu.bf16_flops / gpu.ClocksPerSecond() / per_clock[i], 1, 0.002)
        << gpu.name;
  }
}

TEST(GpuSpecsTest, FindsANameInAnyCase) {
  EXPECT_EQ(FindGpu("h200")->product, "H200 SXM 141 GB");
  EXPECT_EQ(FindGpu("A100")->sms, 108);
}

TEST(GpuSpecsTest, NamesTheNearest) {
  const auto gpu = FindGpu("B20");
  EXPECT_EQ(gpu.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(gpu.status().message(), HasSubstr("did you mean B200?"));
  EXPECT_THAT(gpu.status().message(), HasSubstr("A100, H100, H200, B200"));
}

}  // namespace
}  // namespace cogdist
