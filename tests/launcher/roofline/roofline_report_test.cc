#include "launcher/roofline/roofline_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "launcher/roofline/roofline.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Lines(absl::string_view gpu) {
  const GpuSpec spec = *FindGpu(gpu);
  return absl::StrSplit(FormatRoofline(spec, RooflineRows(spec, ShapesOf1B())),
                        '\n', absl::SkipEmpty());
}

TEST(RooflineReportTest, HasEveryKernel) {
  const GpuSpec gpu = *FindGpu("B200");
  for (const char* const kernel : {"attention forward d64 T1024",
                                   "attention backward d128 T16384",
                                   "matmul qkv, forward",
                                   "matmul down, input gradient",
                                   "matmul head, weight gradient",
                                   "rmsnorm forward",
                                   "rmsnorm backward",
                                   "layernorm forward",
                                   "layernorm backward",
                                   "rope",
                                   "swiglu forward",
                                   "swiglu backward",
                                   "gelu forward",
                                   "gelu backward",
                                   "embedding forward",
                                   "embedding backward",
                                   "cross-entropy",
                                   "adamw",
                                   "cast float32 to bfloat16",
                                   "column sum",
                                   "gradient norm"}) {
    const auto rows = RooflineRows(gpu, ShapesOf1B());
    EXPECT_EQ(
        std::count_if(rows.begin(), rows.end(),
                      [&](const auto& row) { return row.what == kernel; }),
        1)
        << kernel;
  }
}

TEST(RooflineReportTest, NothingIsFasterThanItsBound) {
  for (const GpuSpec& gpu : GpuSpecs()) {
    for (const RooflineRow& row : RooflineRows(gpu, ShapesOf1B())) {
      const Prediction prediction = Predict(row.cost, gpu);
      EXPECT_GT(prediction.bound_seconds, 0) << gpu.name << " " << row.what;
      EXPECT_GT(prediction.seconds, prediction.bound_seconds)
          << gpu.name << " " << row.what;
    }
  }
}

// 8.05 GB at 3.35 TB/s take 2.404 ms; with 90 % of that, 2.671 and a launch.
TEST(RooflineReportTest, PrintsWorkBoundTimeAndRate) {
  const auto lines = Lines("H100");
  EXPECT_THAT(lines[0], HasSubstr("132 SMs, 989 TFLOP/s in bfloat16"));
  const auto adamw = std::find_if(
      lines.begin(), lines.end(),
      [](const std::string& line) { return absl::StartsWith(line, "adamw"); });
  ASSERT_NE(adamw, lines.end());
  const std::vector<std::string> words =
      absl::StrSplit(*adamw, ' ', absl::SkipEmpty());
  EXPECT_THAT(words,
              testing::ElementsAre("adamw", "3.76G", "8.05G", "memory", "2.404",
                                   "2.677", "3.01", "TB/s", "89.8", "%"));
}

TEST(RooflineReportTest, ColumnsAreAligned) {
  const auto lines = Lines("A100");
  const size_t at = lines[1].find("bound by");
  for (size_t i = 2; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i][at - 1], ' ') << lines[i];
    EXPECT_TRUE(absl::StrContains("pmei", lines[i].substr(at, 1))) << lines[i];
  }
}

TEST(RooflineReportTest, TargetsAreThoseOfAnH100) {
  EXPECT_THAT(Lines("H100"), testing::Contains(testing::AllOf(
                                 HasSubstr("attention forward d64 T16384"),
                                 HasSubstr(">= 280 TFLOP/s"))));
  EXPECT_THAT(Lines("H100"), testing::Contains(testing::AllOf(
                                 HasSubstr("attention forward d128 T16384"),
                                 HasSubstr(">= 330 TFLOP/s"))));
  EXPECT_THAT(Lines("A100"), testing::Each(Not(HasSubstr(">="))));
}

TEST(RooflineReportTest, WgmmaIsHoppersAlone) {
  EXPECT_THAT(Lines("H200"), testing::Contains(HasSubstr("wgmma")));
  EXPECT_THAT(Lines("A100"), testing::Each(Not(HasSubstr("wgmma"))));
  EXPECT_THAT(Lines("B200"), testing::Each(Not(HasSubstr("wgmma"))));
}

}  // namespace
}  // namespace cogdist
