// `deterministic: LAYOUT_INVARIANT` of the real program: the bits of every
// step's loss and gradient norm and of the final weights are those of one rank,
// however data-parallel ranks, ZeRO stages, accumulation, pipeline stages and
// threads share the work.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "runtime/crc32c.h"
#include "tests/golden/golden_run.h"

namespace cogdist {
namespace {

struct Bits {
  std::vector<std::string> steps;  // loss and gradient norm, in full precision
  uint32_t weights = 0;            // checksum of the file

  bool operator==(const Bits&) const = default;
};

Bits RunForBits(const std::string& source, GoldenVariant variant) {
  variant.flags = "--steps 6";
  const GoldenResult run = RunGolden(source, variant);
  EXPECT_EQ(run.process.exit_code, 0) << run.process.output;
  EXPECT_EQ(run.steps.size(), 6);
  EXPECT_FALSE(run.weights.empty());
  Bits bits = {.weights = Crc32c(run.weights)};
  for (const auto& [step, record] : run.steps) {
    bits.steps.push_back(
        absl::StrCat(record["loss"].dump(), " ", record["grad_norm"].dump()));
  }
  return bits;
}

// A model, a precision, and degrees that change the sums and so stay fixed.
struct Base {
  std::string name;
  std::string source;
  int ranks = 1;
  std::vector<std::string> sets;
};

// `layout` on top of `base`.
GoldenVariant Combine(const Base& base, GoldenVariant layout) {
  layout.ranks *= base.ranks;
  layout.sets.insert(layout.sets.end(), base.sets.begin(), base.sets.end());
  layout.sets.push_back("deterministic=LAYOUT_INVARIANT");
  return layout;
}

void ExpectSameBits(const Base& base, absl::Span<const GoldenVariant> layouts) {
  const Bits first = RunForBits(base.source, Combine(base, {}));
  for (const GoldenVariant& layout : layouts) {
    SCOPED_TRACE(layout.name);
    const Bits bits = RunForBits(base.source, Combine(base, layout));
    EXPECT_EQ(bits.steps, first.steps);
    EXPECT_EQ(bits.weights, first.weights);
  }
}

constexpr char kZero1[] = "parallel.zero_stage=1";
constexpr char kZero2[] = "parallel.zero_stage=2";
constexpr char kZero3[] = "parallel.zero_stage=3";
constexpr char kPipeline2[] = "parallel.pipeline=2";
constexpr char kVirtual2[] = "parallel.virtual_pipeline=2";
constexpr char kMicro1[] = "batch.micro_batch_size=1";
constexpr char kMicro4[] = "batch.micro_batch_size=4";
constexpr char kFull[] = "activation_checkpointing=FULL";

class LayoutInvariantTest : public testing::TestWithParam<Base> {};
using WholeModelTest = LayoutInvariantTest;
using SharedModelTest = LayoutInvariantTest;

TEST_P(WholeModelTest, HasTheBitsOfOneRank) {
  const std::vector<GoldenVariant> layouts = {
      {.name = "threads 2", .threads = 2},
      {.name = "micro 1", .sets = {kMicro1}},
      {.name = "micro 4", .sets = {kMicro4}},
      {.name = "data 2", .ranks = 2},
      {.name = "data 4", .ranks = 4},
      {.name = "data 8, micro 1", .ranks = 8, .sets = {kMicro1}},
      {.name = "data 4, ZeRO 1", .ranks = 4, .sets = {kZero1}},
      {.name = "data 4, ZeRO 2", .ranks = 4, .sets = {kZero2}},
      {.name = "data 4, ZeRO 3, micro 1",
       .ranks = 4,
       .sets = {kZero3, kMicro1}},
      {.name = "pipeline 2", .ranks = 2, .sets = {kPipeline2}},
      {.name = "pipeline 2 of 2 chunks",
       .ranks = 2,
       .sets = {kPipeline2, kVirtual2}},
      {.name = "data 2, pipeline 2 of 1 and 3 layers, ZeRO 1, micro 4",
       .ranks = 4,
       .sets = {kPipeline2, "parallel.layers_per_stage.0=1",
                "parallel.layers_per_stage.1=3", kZero1, kMicro4}},
      {.name = "data 4, pipeline 2 of 2 chunks, ZeRO 3, recomputed, micro 1",
       .ranks = 8,
       .sets = {kPipeline2, kVirtual2, kZero3, kFull, kMicro1}},
  };
  ExpectSameBits(GetParam(), layouts);
}

const Base kWholeModels[] = {
    {.name = "untied_fp32", .source = "cog_docmask"},
    {.name = "tied_fp32", .source = "cog_gqa_tied"},
    {.name = "untied_bf16",
     .source = "cog_docmask",
     .sets = {"precision=BF16"}},
    {.name = "tied_bf16", .source = "cog_gqa_tied", .sets = {"precision=BF16"}},
};

INSTANTIATE_TEST_SUITE_P(Bases, WholeModelTest, testing::ValuesIn(kWholeModels),
                         [](const auto& info) { return info.param.name; });

TEST_P(SharedModelTest, HasTheBitsOfItsOwnSmallestLayout) {
  const std::vector<GoldenVariant> layouts = {
      {.name = "data 2", .ranks = 2},
      {.name = "data 2, ZeRO 3", .ranks = 2, .sets = {kZero3}},
      {.name = "pipeline 2", .ranks = 2, .sets = {kPipeline2}},
      {.name = "data 2, pipeline 2", .ranks = 4, .sets = {kPipeline2}},
      {.name = "data 2, pipeline 2, ZeRO 3",
       .ranks = 4,
       .sets = {kPipeline2, kZero3}},
  };
  ExpectSameBits(GetParam(), layouts);
}

const Base kSharedModels[] = {
    {.name = "tensor_2_fp32",
     .source = "cog_docmask",
     .ranks = 2,
     .sets = {"parallel.tensor=2"}},
    {.name = "tensor_2_tied_bf16",
     .source = "cog_gqa_tied",
     .ranks = 2,
     .sets = {"parallel.tensor=2", "parallel.sequence_parallel=true",
              "precision=BF16"}},
    {.name = "context_2_fp32",
     .source = "cog_docmask",
     .ranks = 2,
     .sets = {"parallel.context=2"}},
    {.name = "context_2_tied_bf16",
     .source = "cog_gqa_tied",
     .ranks = 2,
     .sets = {"parallel.context=2", "precision=BF16"}},
};

INSTANTIATE_TEST_SUITE_P(Bases, SharedModelTest,
                         testing::ValuesIn(kSharedModels),
                         [](const auto& info) { return info.param.name; });

// The default mode promises only that the same layout gives the same bits. That
// others do not shows that the tests above can fail.
TEST(RunToRunTest, TheSameLayoutHasTheSameBits) {
  const GoldenVariant one = {.ranks = 1};
  const GoldenVariant four = {.ranks = 4, .sets = {kZero1}};
  const GoldenVariant mixed = {
      .ranks = 8,
      .sets = {"parallel.tensor=2", "parallel.context=2", kPipeline2}};
  for (const GoldenVariant& layout : {one, four, mixed}) {
    EXPECT_EQ(RunForBits("cog_gqa_tied", layout),
              RunForBits("cog_gqa_tied", layout));
  }
  const Bits bits_of_one = RunForBits("cog_gqa_tied", one);
  const Bits bits_of_four = RunForBits("cog_gqa_tied", four);
  EXPECT_NE(bits_of_one.steps, bits_of_four.steps);
  EXPECT_NE(bits_of_one.weights, bits_of_four.weights);
}

}  // namespace
}  // namespace cogdist
