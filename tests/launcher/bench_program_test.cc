// `cogdist bench` as its users type it.

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ProcessResult Bench(absl::string_view args) {
  TempDir dir;
  return RunShell(absl::StrCat(COGDIST_BINARY, " bench ", args), dir.path());
}

void ExpectRefused(absl::string_view args, absl::string_view message) {
  const ProcessResult result = Bench(args);
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr(std::string(message)));
}

TEST(BenchProgramTest, RooflineOfAllGpusNeedsNone) {
  const ProcessResult result = Bench("--roofline");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("A100 SXM"), HasSubstr("H100 SXM"),
                    HasSubstr("H200 SXM"), HasSubstr("B200 SXM")));
}

TEST(BenchProgramTest, RooflineOfChosenGpus) {
  const ProcessResult result = Bench("--roofline --gpu h200 --gpu A100");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("A100 SXM"), Not(HasSubstr("H100 SXM")),
                    HasSubstr("H200 SXM"), Not(HasSubstr("B200 SXM"))));
}

TEST(BenchProgramTest, UnknownGpusAndDevicesNameTheNearest) {
  ExpectRefused("--roofline --gpu H10", "did you mean H100?");
  ExpectRefused("--device cud", "did you mean cuda?");
}

TEST(BenchProgramTest, FlagsThatDoNotGoTogether) {
  ExpectRefused("--gpu H100", "--gpu: goes with --roofline");
  ExpectRefused("--roofline --device cpu",
                "--device: does not go with --roofline");
  ExpectRefused("--roofline config.pbtxt", "takes no configuration");
  ExpectRefused("--steps 3", "--steps: goes with a CONFIG.pbtxt");
}

}  // namespace
}  // namespace cogdist
