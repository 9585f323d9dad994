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

// Two ranks of a tensor group have parts of the gradient of one tensor; all
// else that they hold differs in size. Returns the sum's bits on rank 0's copy.
std::vector<float> SumOfCopies(int data, int stage) {
  constexpr int kSamples = 8;
  constexpr int64_t kSize = 20000;
  std::vector<float> sum(kSize);
  ParallelConfig parallel;
  parallel.set_tensor(2);
  RunRankContexts(2 * data, parallel, [&](RankContext& context) {
    Communicator& tensor = *context.groups.tensor;
    const int replica = context.groups.replicas->rank();
    ParamStore params;
    const ParamStore::UnitId unit = params.AddUnit("unit");
    params.Add(
        unit,
        {.tensors = {ShardOf({"sharded", {77, 100}}, 0, 2, tensor.rank())},
         .init = {}});
    const ParamStore::ParamId shared =
        params.Add(unit, {.tensors = {{.name = "shared",
                                       .shape = {kSize},
                                       .copies = {&tensor, true}}},
                          .init = {}});
    COG_CHECK_OK(params.Allocate({.device = *context.device,
                                  .stream = *context.streams.compute,
                                  .zero_stage = stage,
                                  .replicas = data,
                                  .replica = replica,
                                  .lanes = kSamples / data}));
    DataParallel data_parallel(params, context);
    const int count = kSamples / data;
    data_parallel.BeginStep(count);
    for (int i = 0; i < count; ++i) {
      data_parallel.Begin(unit, Pass::kBackward);
      const Rng rng(2 * (replica * count + i) + tensor.rank(), "sample");
      float* const gradient = params.gradient(shared).Data<float>();
      for (int64_t j = 0; j < kSize; ++j) {
        gradient[j] += static_cast<float>(rng.Normal(j));
      }
      data_parallel.End(unit, Pass::kBackward);
    }
    data_parallel.FinishGradients();
    // At stage 0 every replica has all of it.
    if (tensor.rank() != 0 || (stage == 0 && replica != 0)) return;
    const ParamStore::Tensor& tensor_of = params.tensors()[1];
    const ParamStore::Range owned = params.owned(tensor_of);
    std::copy_n(params.gradients(owned).Data<float>(), owned.count,
                sum.data() + owned.begin - tensor_of.range.begin);
  });
  return sum;
}

TEST(LayoutInvariantTest, EqualBitsWithCopies) {
  const std::vector<float> one = SumOfCopies(1, 0);
  for (const int data : {2, 4}) {
    for (const int stage : {0, 1, 3}) {
      EXPECT_TRUE(SumOfCopies(data, stage) == one) << data << ", " << stage;
    }
  }
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
