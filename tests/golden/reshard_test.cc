// Checkpoints of the real program that one layout writes and another loads.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "runtime/crc32c.h"
#include "tests/golden/golden_run.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using Steps = std::map<int64_t, Json>;
using testing::AllOf;
using testing::HasSubstr;

constexpr double kLossTolerance = 1e-5;
constexpr char kCase[] = "cog_gqa_tied";
constexpr char kMicro1[] = "batch.micro_batch_size=1";
constexpr char kMicro4[] = "batch.micro_batch_size=4";
constexpr char kTensor2[] = "parallel.tensor=2";
constexpr char kPipeline2[] = "parallel.pipeline=2";
constexpr char kVirtual2[] = "parallel.virtual_pipeline=2";
constexpr char kContext2[] = "parallel.context=2";
constexpr char kZero1[] = "parallel.zero_stage=1";
constexpr char kZero2[] = "parallel.zero_stage=2";
constexpr char kZero3[] = "parallel.zero_stage=3";

const GoldenVariant kLayouts[] = {
    {.name = "one rank"},
    {.name = "data 4, ZeRO 3", .ranks = 4, .sets = {kZero3}},
    {.name = "tensor 4", .ranks = 4, .sets = {"parallel.tensor=4"}},
    {.name = "tensor 2, pipeline 2",
     .ranks = 4,
     .sets = {kTensor2, kPipeline2}},
    {.name = "context 2, data 2", .ranks = 4, .sets = {kContext2}},
    {.name = "pipeline 2 of 2 chunks",
     .ranks = 2,
     .sets = {kPipeline2, kVirtual2}},
    {.name = "all of 16",
     .ranks = 16,
     .sets = {kTensor2, kPipeline2, kContext2, kZero1}},
    {.name = "data 2, tensor 2 with sequence, pipeline of 1 and 3, ZeRO 2",
     .ranks = 8,
     .sets = {kTensor2, "parallel.sequence_parallel=true", kPipeline2,
              "parallel.layers_per_stage.0=1", "parallel.layers_per_stage.1=3",
              kZero2, kMicro1}},
};

// `layout` for `steps` more steps; 0: to the end.
void Go(const GoldenFolder& folder, GoldenVariant layout, int64_t steps) {
  SCOPED_TRACE(layout.name);
  if (steps > 0) layout.flags = absl::StrCat("--steps ", steps);
  const ProcessResult process = folder.Run(layout);
  ASSERT_EQ(process.exit_code, 0) << process.output;
}

void ExpectNear(const Steps& got, const Steps& want) {
  for (const auto& [step, record] : got) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const Json& expected = want.at(step);
    EXPECT_LE(
        std::abs(record["loss"].get<double>() / expected["loss"].get<double>() -
                 1),
        kLossTolerance);
    EXPECT_EQ(record["lr"], expected["lr"]);
    EXPECT_EQ(record["tokens"], expected["tokens"]);
  }
}

// A single run that every layout has a part in.
TEST(ReshardTest, ARunMovesThroughAllLayouts) {
  const GoldenResult whole = RunGolden(kCase, {});
  ASSERT_EQ(whole.process.exit_code, 0) << whole.process.output;
  const GoldenFolder folder(kCase);
  for (const GoldenVariant& layout : kLayouts) {
    ASSERT_NO_FATAL_FAILURE(Go(folder, layout, 2));
  }
  ASSERT_NO_FATAL_FAILURE(Go(folder, {}, 0));
  const Steps steps = folder.Steps();
  ASSERT_EQ(steps.size(), 20);
  ExpectNear(steps, whole.steps);
}

TEST(EveryPairTest, EveryLayoutLoadsEveryOther) {
  const GoldenResult whole = RunGolden(kCase, {});
  ASSERT_EQ(whole.process.exit_code, 0) << whole.process.output;
  for (const GoldenVariant& from : kLayouts) {
    SCOPED_TRACE(absl::StrCat("saved on ", from.name));
    const GoldenFolder saved(kCase);
    ASSERT_NO_FATAL_FAILURE(Go(saved, from, 7));
    for (const GoldenVariant& to : kLayouts) {
      const GoldenFolder resumed(kCase);
      std::filesystem::copy(saved / "run", resumed / "run",
                            std::filesystem::copy_options::recursive);
      ASSERT_NO_FATAL_FAILURE(Go(resumed, to, 6));
      SCOPED_TRACE(absl::StrCat("resumed on ", to.name));
      const Steps steps = resumed.Steps();
      ASSERT_EQ(steps.size(), 13);
      ExpectNear(steps, whole.steps);
    }
  }
}

const GoldenVariant kInvariantLayouts[] = {
    {.name = "data 4, ZeRO 3, micro 1", .ranks = 4, .sets = {kZero3, kMicro1}},
    {.name = "one rank, 2 threads", .threads = 2},
    {.name = "pipeline 2 of 2 chunks",
     .ranks = 2,
     .sets = {kPipeline2, kVirtual2}},
    {.name = "data 8, ZeRO 2, micro 1", .ranks = 8, .sets = {kZero2, kMicro1}},
    {.name = "data 2, pipeline of 1 and 3, ZeRO 1, micro 4",
     .ranks = 4,
     .sets = {kPipeline2, "parallel.layers_per_stage.0=1",
              "parallel.layers_per_stage.1=3", kZero1, kMicro4}},
};

GoldenVariant Invariant(GoldenVariant layout, absl::string_view precision) {
  layout.sets.push_back("deterministic=LAYOUT_INVARIANT");
  layout.sets.push_back(absl::StrCat("precision=", precision));
  return layout;
}

std::vector<std::string> BitsOf(const Steps& steps, absl::string_view weights) {
  std::vector<std::string> bits;
  for (const auto& [step, record] : steps) {
    bits.push_back(
        absl::StrCat(record["loss"].dump(), " ", record["grad_norm"].dump()));
  }
  bits.push_back(absl::StrCat(Crc32c(weights)));
  return bits;
}

std::vector<std::string> BitsOf(const GoldenFolder& folder) {
  return BitsOf(folder.Steps(), folder.Weights());
}

void ExpectSameBitsThroughAllLayouts(absl::string_view source,
                                     absl::string_view precision) {
  const GoldenFolder whole(source);
  ASSERT_NO_FATAL_FAILURE(Go(whole, Invariant({}, precision), 0));
  const GoldenFolder moved(source);
  for (const GoldenVariant& layout : kInvariantLayouts) {
    ASSERT_NO_FATAL_FAILURE(Go(moved, Invariant(layout, precision), 3));
  }
  ASSERT_NO_FATAL_FAILURE(Go(moved, Invariant({}, precision), 0));
  EXPECT_EQ(BitsOf(moved), BitsOf(whole));
}

TEST(ReshardTest, LayoutInvariantRunsKeepTheirBits) {
  ExpectSameBitsThroughAllLayouts(kCase, "BF16");
}

TEST(EveryPairTest, LayoutInvariantRunsKeepTheirBits) {
  ExpectSameBitsThroughAllLayouts(kCase, "FP32");
  ExpectSameBitsThroughAllLayouts("cog_docmask", "FP32");
  ExpectSameBitsThroughAllLayouts("cog_docmask", "BF16");
}

TEST(EveryPairTest, LayoutInvariantRunsKeepTheirBitsBetweenAnyTwo) {
  const GoldenFolder whole(kCase);
  ASSERT_NO_FATAL_FAILURE(Go(whole, Invariant({}, "FP32"), 9));
  for (const GoldenVariant& from : kInvariantLayouts) {
    SCOPED_TRACE(absl::StrCat("saved on ", from.name));
    const GoldenFolder saved(kCase);
    ASSERT_NO_FATAL_FAILURE(Go(saved, Invariant(from, "FP32"), 5));
    for (const GoldenVariant& to : kInvariantLayouts) {
      SCOPED_TRACE(absl::StrCat("resumed on ", to.name));
      const GoldenFolder resumed(kCase);
      std::filesystem::copy(saved / "run", resumed / "run",
                            std::filesystem::copy_options::recursive);
      ASSERT_NO_FATAL_FAILURE(Go(resumed, Invariant(to, "FP32"), 4));
      EXPECT_EQ(BitsOf(resumed), BitsOf(whole));
    }
  }
}

// Where the user allows another model, its tensors do not fit.
TEST(ReshardTest, TensorsOfAnotherModelAreNamed) {
  const GoldenFolder folder(kCase);
  // Initial weights would be refused first.
  std::string config = ReadBytes(folder / "config.pbtxt");
  config.replace(config.find("init_from"), 1, "# i");
  std::ofstream(folder / "config.pbtxt") << config;
  ASSERT_NO_FATAL_FAILURE(Go(folder, kLayouts[1], 1));
  struct Change {
    const char* set;
    const char* fault;
  };
  for (const auto& [set, fault] : std::vector<Change>{
           {"model.cogformer.num_layers=2", "is not part of the model"},
           {"model.cogformer.num_layers=6", "is missing"},
           {"model.cogformer.ffn_size=96",
            "has shape [160, 64], the model's "
            "is [96, 64]"}}) {
    SCOPED_TRACE(set);
    const GoldenVariant changed = {.sets = {set}};
    const ProcessResult refused = folder.Run(changed);
    EXPECT_EQ(refused.exit_code, 2) << refused.output;
    GoldenVariant allowed = changed;
    allowed.flags = "--allow_change model";
    const ProcessResult tensor = folder.Run(allowed);
    EXPECT_NE(tensor.exit_code, 0) << tensor.output;
    EXPECT_THAT(tensor.output,
                AllOf(HasSubstr("step_00000001: tensor model.layers."),
                      HasSubstr(fault)));
  }
  // It is as it was.
  ASSERT_NO_FATAL_FAILURE(Go(folder, kLayouts[1], 1));
  EXPECT_EQ(folder.Steps().size(), 2);
}

}  // namespace
}  // namespace cogdist
