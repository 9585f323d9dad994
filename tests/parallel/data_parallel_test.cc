// Data parallelism in all its stages against one rank: numbers, bytes, memory.

#include "parallel/data_parallel.h"

#include <chrono>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "parallel/meta_transport.h"
#include "parallel/single_communicator.h"
#include "runtime/meta/meta_device.h"
#include "tests/parallel/data_parallel_harness.h"

namespace cogdist::testing {
namespace {

using Mode = std::tuple<int, DType, int>;  // stage, precision, replicas

class StagesTest : public ::testing::TestWithParam<Mode> {
 protected:
  FakeRun Run() const {
    const auto [stage, precision, replicas] = GetParam();
    return {.replicas = replicas, .stage = stage, .precision = precision};
  }
};

TEST_P(StagesTest, TrainAsOneRankDoes) {
  const FakeResult one = Train({.precision = Run().precision});
  EXPECT_NE(one.norms[0], one.norms[1]);
  ExpectSameTraining(Train(Run()), one);
  FakeRun late = Run();
  late.overlap = false;
  ExpectSameTraining(Train(late), one);
}

TEST_P(StagesTest, SendWhatTheTableSays) {
  const FakeRun run = Run();
  const FakeResult result = Train(run);
  const int64_t m = run.samples / run.replicas;
  const int64_t g = 4 * result.elements;
  const int64_t w = SizeOf(run.precision) * result.elements;
  const int64_t expected[] = {2 * g, g + w, m * g + w, m * (g + 2 * w)};
  // f(D) = (D - 1) / D of it on each of D ranks.
  EXPECT_EQ(result.bytes, run.steps * (run.replicas - 1) * expected[run.stage]);
}

TEST_P(StagesTest, TakeTheirShareOfMemory) {
  const FakeRun run = Run();
  const FakeResult result = Train(run);
  const int64_t n = result.elements;
  const int stage = run.replicas == 1 ? 0 : run.stage;
  const bool low = run.precision == DType::kBFloat16;
  const int64_t e = SizeOf(run.precision);
  const int64_t slots = 2 * result.largest_unit;
  // Of parts that add up to n, each aligned.
  const int64_t aligned = run.replicas * 4 * Device::kAlignment;
  ParamStore::Bytes sum;
  for (const ParamStore::Bytes& bytes : result.memory) {
    sum.weights += bytes.weights;
    sum.gradients += bytes.gradients;
    sum.optimizer += bytes.optimizer;
  }
  const int64_t ranks = run.replicas;
  const int64_t owned = stage == 0 ? ranks * n : n;
  EXPECT_GE(sum.optimizer, 8 * owned);
  EXPECT_LE(sum.optimizer, 8 * owned + 2 * aligned);
  const int64_t weights = (stage == 3 ? ranks * slots * e : ranks * n * e) +
                          (low || stage == 3 ? 4 * owned : 0);
  EXPECT_GE(sum.weights, weights);
  EXPECT_LE(sum.weights, weights + aligned);
  const int64_t gradients =
      stage >= 2 ? 4 * (n + ranks * slots) : 4 * ranks * n;
  EXPECT_GE(sum.gradients, gradients);
  EXPECT_LE(sum.gradients, gradients + aligned);
}

INSTANTIATE_TEST_SUITE_P(All, StagesTest,
                         ::testing::Combine(::testing::Values(0, 1, 2, 3),
                                            ::testing::Values(DType::kFloat32,
                                                              DType::kBFloat16),
                                            ::testing::Values(1, 2, 3, 4)),
                         [](const auto& info) {
                           return absl::StrCat(
                               "stage", std::get<0>(info.param), "_",
                               std::string(Name(std::get<1>(info.param))), "_",
                               std::get<2>(info.param));
                         });

// One unit of one vector.
void AddVector(ParamStore& params, int64_t size, int units = 1) {
  for (int i = 0; i < units; ++i) {
    const std::string name = absl::StrCat("unit", i);
    params.Add(params.AddUnit(name),
               {.tensors = {{name, Shape({size})}}, .init = {}});
  }
}

void Allocate(ParamStore& params, RankContext& context, int stage,
              int units_at_once = 1) {
  COG_CHECK_OK(params.Allocate({.device = *context.device,
                                .stream = *context.streams.compute,
                                .zero_stage = stage,
                                .replicas = context.groups.replicas->size(),
                                .replica = context.groups.replicas->rank(),
                                .units_at_once = units_at_once}));
}

void Fill(const TensorView& x, float value) {
  std::fill_n(x.Data<float>(), x.num_elements(), value);
}

TEST(DataParallelTest, SumsStartDuringBackward) {
  RunRankContexts(2, [](RankContext& context) {
    ParamStore params;
    AddVector(params, 70000, /*units=*/2);
    Allocate(params, context, /*stage=*/0);
    DataParallel data_parallel(params, context);
    for (int step = 0; step < 2; ++step) {
      data_parallel.BeginStep(1);
      data_parallel.Begin(1, Pass::kBackward);
      EXPECT_EQ(params.gradient(1).Data<float>()[0], 0);
      Fill(params.gradient(1), context.rank() + 1);
      data_parallel.End(1, Pass::kBackward);
      const Event first = context.streams.replicas->Record();
      while (!first.Done()) context.device->Progress();
      EXPECT_EQ(params.gradient(1).Data<float>()[69999], 3);
      data_parallel.Begin(0, Pass::kBackward);
      Fill(params.gradient(0), 2);
      data_parallel.End(0, Pass::kBackward);
      data_parallel.FinishGradients();
      EXPECT_EQ(params.gradient(0).Data<float>()[0], 4);
      const DataParallel::Stats& stats = data_parallel.stats();
      EXPECT_EQ(stats.bytes, params.all().count * 4);
      EXPECT_GT(stats.total_seconds, 0);
      EXPECT_GE(stats.exposed_seconds, 0);
      EXPECT_GE(stats.total_seconds, stats.exposed_seconds);
    }
  });
}

// In the second step the second unit's weights are under way while the first
// one's are used.
TEST(DataParallelTest, StageThreeFetchesOneUnitAhead) {
  RunRankContexts(2, [](RankContext& context) {
    ParamStore params;
    AddVector(params, 5000, /*units=*/3);
    Allocate(params, context, /*stage=*/3);
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      Fill(params.master(params.owned(tensor)), tensor.unit + 1);
    }
    DataParallel data_parallel(params, context);
    for (int step = 0; step < 3; ++step) {
      data_parallel.BeginStep(1);
      for (int unit = 0; unit < 3; ++unit) {
        data_parallel.Begin(unit, Pass::kForward);
        EXPECT_EQ(params.weight(unit).Data<float>()[0], unit + 1);
        EXPECT_EQ(params.weight(unit).Data<float>()[4999], unit + 1);
        EXPECT_EQ(params.weight_slots().Has(unit + 1), step > 0 && unit < 2);
        data_parallel.End(unit, Pass::kForward);
        EXPECT_FALSE(params.weight_slots().Has(unit));
      }
      for (int unit = 2; unit >= 0; --unit) {
        data_parallel.Begin(unit, Pass::kBackward);
        data_parallel.End(unit, Pass::kBackward);
      }
      data_parallel.FinishGradients();
      // Another order in between: what was foreseen must not get in the way.
      data_parallel.BeginEvaluation();
      for (int unit = 2; unit >= 0; --unit) {
        data_parallel.Begin(unit, Pass::kForward);
        EXPECT_EQ(params.weight(unit).Data<float>()[1], unit + 1);
        data_parallel.End(unit, Pass::kForward);
      }
    }
  });
}

TEST(DataParallelTest, APassThatOnlyAddsToGradientsGathersNoWeights) {
  RunRankContexts(2, [](RankContext& context) {
    ParamStore params;
    AddVector(params, 5000, /*units=*/1);
    Allocate(params, context, /*stage=*/3);
    DataParallel data_parallel(params, context);
    data_parallel.BeginStep(1);
    data_parallel.Begin(0, Pass::kGradient);
    EXPECT_FALSE(params.weight_slots().Has(0));
    Fill(params.gradient(0), 1);
    data_parallel.End(0, Pass::kGradient);
    data_parallel.FinishGradients();
    const TensorView sum = params.gradients(params.owned(params.tensors()[0]));
    for (int64_t i = 0; i < sum.num_elements(); ++i) {
      ASSERT_EQ(sum.Data<float>()[i], 2);
    }
  });
}

// What it writes to may go away afterwards.
TEST(DataParallelTest, TrafficEndsWithIt) {
  RunRankContexts(2, [](RankContext& context) {
    ParamStore params;
    AddVector(params, 9000, /*units=*/1);
    Allocate(params, context, /*stage=*/1);
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      Fill(params.master(params.owned(tensor)), context.rank() + 1);
    }
    {
      DataParallel data_parallel(params, context);
      if (context.rank() == 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      data_parallel.WeightsUpdated();
    }
    EXPECT_EQ(params.weight(0).Data<float>()[0], 1);
    EXPECT_EQ(params.weight(0).Data<float>()[8999], 2);
  });
}

// A step that departs from the one before still gets the right weights.
TEST(DataParallelTest, AnUnforeseenOrderIsOnlySlower) {
  RunRankContexts(2, [](RankContext& context) {
    ParamStore params;
    AddVector(params, 5000, /*units=*/4);
    Allocate(params, context, /*stage=*/3);
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      Fill(params.master(params.owned(tensor)), tensor.unit + 1);
    }
    DataParallel data_parallel(params, context);
    const std::vector<std::vector<int>> orders = {
        {0, 1, 2, 3}, {0, 3, 1, 2}, {0, 3, 2, 1}, {2, 2, 0, 1}};
    for (const std::vector<int>& order : orders) {
      data_parallel.BeginStep(1);
      for (const int unit : order) {
        data_parallel.Begin(unit, Pass::kForward);
        EXPECT_EQ(params.weight(unit).Data<float>()[4999], unit + 1);
        data_parallel.End(unit, Pass::kForward);
      }
    }
  });
}

// The head reads and adds to the embedding's table: its use lasts from the head
// to the end of the backward pass.
TEST(DataParallelTest, AUnitMayStayInUseWhileOthersComeAndGo) {
  for (const int stage : {0, 1, 2, 3}) {
    RunRankContexts(3, [&](RankContext& context) {
      ParamStore params;
      AddVector(params, 5000, /*units=*/4);
      Allocate(params, context, stage, /*units_at_once=*/2);
      DataParallel data_parallel(params, context);
      for (int step = 0; step < 2; ++step) {
        constexpr int kMicroBatches = 3;
        data_parallel.BeginStep(kMicroBatches);
        for (int i = 0; i < kMicroBatches; ++i) {
          for (int unit = 0; unit < 3; ++unit) {
            data_parallel.Begin(unit, Pass::kForward);
            data_parallel.End(unit, Pass::kForward);
          }
          data_parallel.Begin(0, Pass::kBackward);
          Fill(params.gradient(0), params.gradient(0).Data<float>()[0] + 1);
          for (int unit = 3; unit > 0; --unit) {
            data_parallel.Begin(unit, Pass::kBackward);
            Fill(params.gradient(unit),
                 params.gradient(unit).Data<float>()[0] + 1);
            data_parallel.End(unit, Pass::kBackward);
          }
          Fill(params.gradient(0), params.gradient(0).Data<float>()[0] + 1);
          data_parallel.End(0, Pass::kBackward);
        }
        data_parallel.FinishGradients();
        for (const ParamStore::Tensor& tensor : params.tensors()) {
          const TensorView sum = params.gradients(params.owned(tensor));
          for (int64_t i = 0; i < sum.num_elements(); ++i) {
            ASSERT_EQ(sum.Data<float>()[i], tensor.unit == 0 ? 18 : 9);
          }
        }
      }
    });
  }
}

// Two ranks of a tensor group hold parts of different sizes, and both a gain
// whose gradients they have parts of, and one that they have equal ones of.
TEST(DataParallelTest, CopiesAreSummedAfterReplicasAndCountOnce) {
  ParallelConfig parallel;
  parallel.set_tensor(2);
  for (const int stage : {0, 1, 2, 3}) {
    RunRankContexts(6, parallel, [&](RankContext& context) {
      Communicator& tensor = *context.groups.tensor;
      ParamStore params;
      const ParamStore::UnitId unit = params.AddUnit("unit");
      params.Add(
          unit,
          {.tensors = {ShardOf({"sharded", {77, 100}}, 0, 2, tensor.rank())},
           .init = {}});
      params.Add(unit, {.tensors = {{.name = "partial",
                                     .shape = {9001},
                                     .copies = {&tensor, true}}},
                        .init = {}});
      params.Add(unit, {.tensors = {{.name = "equal",
                                     .shape = {50},
                                     .copies = {&tensor, false}}},
                        .init = {}});
      Allocate(params, context, stage);
      DataParallel data_parallel(params, context);
      data_parallel.BeginStep(1);
      data_parallel.Begin(unit, Pass::kForward);
      data_parallel.End(unit, Pass::kForward);
      data_parallel.Begin(unit, Pass::kBackward);
      Fill(params.gradient(0), 1);
      Fill(params.gradient(1), tensor.rank() == 0 ? 2 : 3);
      Fill(params.gradient(2), 5);
      data_parallel.End(unit, Pass::kBackward);
      data_parallel.FinishGradients();
      const float expected[] = {3, 15, 15};
      for (int i = 0; i < 3; ++i) {
        const TensorView sum =
            params.gradients(params.owned(params.tensors()[i]));
        for (int64_t j = 0; j < sum.num_elements(); ++j) {
          ASSERT_EQ(sum.Data<float>()[j], expected[i]) << i << " at " << j;
        }
      }
      const OptimizerConfig config;
      auto optimizer = Optimizer::Create(
          {.config = config, .params = params, .device = *context.device});
      COG_CHECK_OK(optimizer.status());
      StepTotals mine = {
          .squares = NormOf(*optimizer, *context.streams.compute).squares,
          .stop_reason = context.rank() == 4 ? "asked" : ""};
      mine.loss.Add(context.rank());
      if (context.rank() >= 2) {
        mine.culprit = absl::StrCat("of rank ", context.rank());
      }
      const StepTotals totals = Total(*context.groups.world, mine);
      EXPECT_EQ(totals.squares.Value(), 7700 * 9 + 9001 * 225 + 50 * 225);
      EXPECT_EQ(totals.loss.Value(), 15);
      EXPECT_EQ(totals.culprit, "of rank 2");
      EXPECT_EQ(totals.stop_reason, "asked");
    });
  }
}

// One rank of four that are only imagined.
TEST(DataParallelTest, AMetaDeviceCountsMemoryAndBytes) {
  constexpr int kRanks = 4;
  for (const int stage : {0, 1, 2, 3}) {
    FakeRun run = {.replicas = kRanks, .stage = stage, .steps = 1};
    const FakeResult real = Train(run);
    int64_t bytes = 0;
    for (int rank = 0; rank < kRanks; ++rank) {
      auto device = std::make_unique<MetaDevice>();
      auto world = std::make_unique<HostCommunicator>(
          std::make_unique<MetaTransport>(rank, kRanks), *device);
      const auto mesh = Mesh::Create(kRanks, ParallelConfig());
      auto context =
          MakeRankContext({.rank = rank, .world_size = kRanks}, *mesh,
                          std::move(device), std::move(world));
      ASSERT_TRUE(context.ok());
      ParamStore params;
      AddFakeUnits(params, /*tied=*/false);
      Allocate(params, *context, stage);
      EXPECT_EQ(params.bytes().weights, real.memory[rank].weights);
      EXPECT_EQ(params.bytes().gradients, real.memory[rank].gradients);
      EXPECT_EQ(params.bytes().optimizer, real.memory[rank].optimizer);
      DataParallel data_parallel(params, *context);
      data_parallel.BeginStep(3);
      for (int i = 0; i < 3; ++i) {
        for (int unit = 0; unit < 4; ++unit) {
          data_parallel.Begin(unit, Pass::kForward);
          data_parallel.End(unit, Pass::kForward);
        }
        for (int unit = 3; unit >= 0; --unit) {
          data_parallel.Begin(unit, Pass::kBackward);
          data_parallel.End(unit, Pass::kBackward);
        }
      }
      data_parallel.FinishGradients();
      data_parallel.WeightsUpdated();
      bytes += context->groups.replicas->traffic().data_bytes;
    }
    EXPECT_EQ(bytes, real.bytes);
  }
}

TEST(DataParallelDeathTest, WeightsAreReadBetweenBeginAndEnd) {
  MetaDevice device;
  MetaStream stream(device);
  ParamStore params;
  AddVector(params, 3);
  COG_CHECK_OK(params.Allocate(
      {.device = device, .stream = stream, .zero_stage = 3, .replicas = 2}));
  EXPECT_DEATH(params.weight(0), "outside of its Begin and End");
  EXPECT_DEATH(params.gradient(0), "outside of its Begin and End");
}

TEST(DataParallelDeathTest, AUnitHasOnePassAMicroBatch) {
  auto world = std::make_unique<SingleCommunicator>();
  auto context = MakeRankContext({}, Mesh(), std::make_unique<CpuDevice>(),
                                 std::move(world));
  ASSERT_TRUE(context.ok());
  ParamStore params;
  AddVector(params, 3);
  Allocate(params, *context, 0);
  DataParallel data_parallel(params, *context);
  data_parallel.BeginStep(1);
  data_parallel.Begin(0, Pass::kBackward);
  data_parallel.End(0, Pass::kBackward);
  EXPECT_DEATH(data_parallel.Begin(0, Pass::kBackward), "CHECK failed");
}

}  // namespace
}  // namespace cogdist::testing
