// Runs of the real program that stop and go on: every bit of every later loss
// and of the final weights is that of the run that never stopped.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/crc32c.h"
#include "tests/golden/golden_run.h"

namespace cogdist {
namespace {

constexpr int64_t kSteps = 20;

// Two datasets, shuffled and mixed, which a run goes through several times. The
// run directory is a link to one with a space in its name.
class MixtureRun {
 public:
  MixtureRun() : folder_("cog_gqa_tied") {
    for (const char* suffix : {".bin", ".idx"}) {
      std::filesystem::copy(
          absl::StrCat("tests/golden/cog_docmask/tokens", suffix),
          folder_ / absl::StrCat("other", suffix));
    }
    std::filesystem::create_directory(folder_ / "the run");
    std::filesystem::create_directory_symlink("the run", folder_ / "run");
  }

  // `variant`, for `steps` more steps; 0: to the end.
  void Go(GoldenVariant variant, int64_t steps) {
    const std::vector<std::string> mixture = {
        "data.shuffle=true", "data.train.0.weight=0.7",
        "data.train.1.prefix=other", "data.train.1.weight=0.3"};
    variant.sets.insert(variant.sets.end(), mixture.begin(), mixture.end());
    if (steps > 0) variant.flags = absl::StrCat("--steps ", steps);
    const ProcessResult process = folder_.Run(variant);
    ASSERT_EQ(process.exit_code, 0) << process.output;
  }

  void ExpectCheckpointOf(int64_t step) const {
    EXPECT_TRUE(std::filesystem::exists(
        folder_ /
        absl::StrFormat("run/checkpoints/step_%08d/manifest.pb", step)));
  }

  // Of each step loss, gradient norm and what counts on; at the end a checksum
  // of the weights.
  std::vector<std::string> Bits() const {
    std::vector<std::string> bits;
    for (const auto& [step, record] : folder_.Steps()) {
      bits.push_back(absl::StrCat(step));
      for (const char* field :
           {"loss", "grad_norm", "lr", "tokens", "samples", "epoch"}) {
        absl::StrAppend(&bits.back(), " ", record[field].dump());
      }
    }
    bits.push_back(absl::StrCat("weights ", Crc32c(folder_.Weights())));
    return bits;
  }

 private:
  GoldenFolder folder_;
};

// Stops after each of `stops`.
void ExpectNoTrace(const GoldenVariant& variant,
                   absl::Span<const int64_t> stops) {
  MixtureRun whole;
  ASSERT_NO_FATAL_FAILURE(whole.Go(variant, 0));
  MixtureRun cut;
  int64_t done = 0;
  for (const int64_t stop : stops) {
    ASSERT_NO_FATAL_FAILURE(cut.Go(variant, stop - done));
    cut.ExpectCheckpointOf(stop);
    done = stop;
  }
  ASSERT_NO_FATAL_FAILURE(cut.Go(variant, 0));
  const std::vector<std::string> expected = whole.Bits();
  EXPECT_EQ(expected.size(), kSteps + 1);
  EXPECT_EQ(cut.Bits(), expected);
}

std::vector<int64_t> EveryStep() {
  std::vector<int64_t> stops(kSteps - 1);
  for (int64_t i = 0; i < kSteps - 1; ++i) stops[i] = i + 1;
  return stops;
}

class EveryStepTest : public testing::TestWithParam<GoldenVariant> {};
class SomeStepsTest : public testing::TestWithParam<GoldenVariant> {};

TEST_P(EveryStepTest, LeavesNoTrace) { ExpectNoTrace(GetParam(), EveryStep()); }

TEST_P(SomeStepsTest, LeaveNoTrace) { ExpectNoTrace(GetParam(), {1, 9, 10}); }

constexpr char kBf16[] = "precision=BF16";
constexpr char kMicro1[] = "batch.micro_batch_size=1";
constexpr char kMicro4[] = "batch.micro_batch_size=4";
constexpr char kSaveOften[] = "checkpoint.every_steps=2";
constexpr char kSaveAlways[] = "checkpoint.every_steps=1";

std::string Zero(int stage) {
  return absl::StrCat("parallel.zero_stage=", stage);
}

std::string NameOf(const testing::TestParamInfo<GoldenVariant>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(OneRank, EveryStepTest,
                         testing::Values(GoldenVariant{.name = "fp32"}),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(
    TwoRanks, SomeStepsTest,
    testing::Values(
        GoldenVariant{.name = "zero_0_bf16", .ranks = 2, .sets = {kBf16}},
        GoldenVariant{.name = "zero_1", .ranks = 2, .sets = {Zero(1), kMicro4}},
        GoldenVariant{.name = "zero_2_bf16",
                      .ranks = 2,
                      .sets = {Zero(2), kBf16, kMicro1, kSaveOften}},
        GoldenVariant{
            .name = "zero_3", .ranks = 2, .sets = {Zero(3), kMicro1}}),
    NameOf);

std::vector<GoldenVariant> EveryZeroStage() {
  std::vector<GoldenVariant> variants;
  for (int stage = 0; stage < 4; ++stage) {
    for (const bool low : {false, true}) {
      GoldenVariant variant = {
          .name = absl::StrCat("zero_", stage, low ? "_bf16" : "_fp32"),
          .ranks = 2,
          .sets = {Zero(stage), kMicro1}};
      if (low) variant.sets.push_back(kBf16);
      variants.push_back(variant);
    }
  }
  variants.push_back(
      {.name = "all_of_16",
       .ranks = 16,
       .sets = {"parallel.tensor=2", "parallel.context=2",
                "parallel.pipeline=2", Zero(3), kMicro1, kBf16, kSaveAlways}});
  variants.push_back({.name = "one_rank_bf16", .sets = {kBf16, kSaveAlways}});
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Layouts, EveryStepTest,
                         testing::ValuesIn(EveryZeroStage()), NameOf);

}  // namespace
}  // namespace cogdist
