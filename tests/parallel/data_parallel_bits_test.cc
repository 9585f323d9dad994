// LAYOUT_INVARIANT mode: the same bits for any number of replicas, any ZeRO
// stage and any numbers.

#include <numeric>
#include <vector>

#include "tests/parallel/data_parallel_harness.h"

namespace cogdist::testing {
namespace {

TEST(GradientLanesTest, AreThePowerOfTwoInTheBatch) {
  EXPECT_EQ(GradientLanes(1), 1);
  EXPECT_EQ(GradientLanes(7), 1);
  EXPECT_EQ(GradientLanes(12), 4);
  EXPECT_EQ(GradientLanes(64), 64);
  EXPECT_EQ(GradientLanes(256 * 3), 64);
}

void ExpectSameBits(FakeRun run) {
  run.layout_invariant = true;
  run.steps = 2;
  const FakeResult one = Train(run);
  for (const int replicas : {2, 4, 8}) {
    if (GradientLanes(run.samples) % replicas != 0) continue;
    for (const int stage : {0, 1, 2, 3}) {
      run.replicas = replicas;
      run.stage = stage;
      ExpectSameTraining(Train(run), one);
    }
  }
}

TEST(LayoutInvariantTest, EqualBitsInFloat32) {
  ExpectSameBits({.samples = 16});
}

TEST(LayoutInvariantTest, EqualBitsInBFloat16) {
  ExpectSameBits({.precision = DType::kBFloat16, .samples = 8});
}

TEST(LayoutInvariantTest, EqualBitsWithLanesOfSeveralSamples) {
  ExpectSameBits({.samples = 24});
  ExpectSameBits({.samples = 20});
}

TEST(LayoutInvariantTest, EqualBitsWithTiedTables) {
  ExpectSameBits({.samples = 8, .tied = true});
}

TEST(LayoutInvariantTest, TiedCopiesStayEqual) {
  const FakeResult result = Train({.replicas = 2,
                                   .stage = 1,
                                   .samples = 8,
                                   .layout_invariant = true,
                                   .tied = true});
  EXPECT_EQ(result.master.at("table"), result.master.at("table (copy)"));
}

// The order, written out: samples in order within a lane, then pairs.
TEST(LayoutInvariantTest, SumsLanesInPairs) {
  constexpr int kSamples = 24;  // eight lanes of three
  RunRankContexts(1, [](RankContext& context) {
    ParamStore params;
    params.Add(params.AddUnit("unit"),
               {.tensors = {{"x", Shape({1})}}, .init = {}});
    COG_CHECK_OK(params.Allocate({.device = *context.device,
                                  .stream = *context.streams.compute,
                                  .lanes = 8}));
    // log2(8) + 1 buffers.
    EXPECT_EQ(params.bytes().gradients, 4 * params.all().count * 4);
    DataParallel data_parallel(params, context);
    data_parallel.BeginStep(kSamples);
    std::vector<float> values(kSamples);
    Rng(1, "samples").FillNormal(absl::MakeSpan(values), 0, 1);
    for (const float value : values) {
      data_parallel.Begin(0, Pass::kBackward);
      params.gradient(0).Data<float>()[0] += value;
      data_parallel.End(0, Pass::kBackward);
    }
    data_parallel.FinishGradients();
    float lane[8];
    for (int i = 0; i < 8; ++i) {
      lane[i] = values[3 * i] + values[3 * i + 1] + values[3 * i + 2];
    }
    EXPECT_EQ(params.gradients({0, 1}).Data<float>()[0],
              ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
                  ((lane[4] + lane[5]) + (lane[6] + lane[7])));
  });
}

}  // namespace
}  // namespace cogdist::testing
