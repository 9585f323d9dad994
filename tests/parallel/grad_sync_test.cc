// Gradient buckets: which units share one, when it starts, what comes out.

#include "parallel/grad_sync.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parallel/single_communicator.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {
namespace {

// Many turns for every bucket, so that the overlap can be watched.
constexpr MessageOptions kTinyChunks = {.chunk_bytes = 256, .turn_bytes = 1};

// Units of the given sizes in elements, multiples of 128 so that the store adds
// no padding.
std::unique_ptr<ParamStore> MakeStore(Device& device, Stream& stream,
                                      const std::vector<int64_t>& sizes) {
  auto params = std::make_unique<ParamStore>();
  for (const int64_t size : sizes) {
    const std::string name = absl::StrCat("unit", params->num_units());
    const ParamStore::UnitId unit = params->AddUnit(name);
    params->Add(unit, {.tensors = {{name, Shape({size})}}, .init = {}});
  }
  COG_CHECK_OK(params->Allocate(device, stream, DType::kFloat32,
                                ParamStore::Use::kTraining));
  return params;
}

float Value(int rank, int64_t i, int step) {
  return (i * 5 + rank * 3 + step) % 17;
}

void ExpectSums(const ParamStore& params, int ranks, int step) {
  const TensorView gradients = params.gradients(params.all());
  for (int64_t i = 0; i < gradients.num_elements(); ++i) {
    float sum = 0;
    for (int rank = 0; rank < ranks; ++rank) sum += Value(rank, i, step);
    ASSERT_EQ(gradients.Data<float>()[i], sum) << i;
  }
}

void FillUnit(const ParamStore& params, int unit, int rank, int step) {
  const ParamStore::Range range = params.unit_range(unit);
  float* const gradients = params.gradients(params.all()).Data<float>();
  for (int64_t i = range.begin; i < range.begin + range.count; ++i) {
    gradients[i] = Value(rank, i, step);
  }
}

class MakeBucketsTest : public ::testing::Test {
 protected:
  std::vector<GradBucket> Buckets(const std::vector<int64_t>& sizes,
                                  const GradSyncOptions& options) {
    params_ = MakeStore(device_, *stream_, sizes);
    return MakeBuckets(*params_, options);
  }

  CpuDevice device_;
  std::unique_ptr<Stream> stream_ = device_.CreateStream();
  std::unique_ptr<ParamStore> params_;
};

TEST_F(MakeBucketsTest, GroupsFromTheLastUnitBackwards) {
  const std::vector<GradBucket> buckets = Buckets(
      {256, 128, 128, 128, 256}, {.bucket_bytes = 256 * 4, .min_buckets = 1});
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].first_unit, 4);
  EXPECT_EQ(buckets[1].first_unit, 2);
  EXPECT_EQ(buckets[1].last_unit, 3);
  EXPECT_EQ(buckets[1].range.begin, 384);
  EXPECT_EQ(buckets[1].range.count, 256);
  EXPECT_EQ(buckets[2].first_unit, 0);  // 128 is too small alone
  EXPECT_EQ(buckets[2].last_unit, 1);
}

TEST_F(MakeBucketsTest, SmallModelsStillOverlap) {
  EXPECT_EQ(Buckets(std::vector<int64_t>(8, 128), {.min_buckets = 4}).size(),
            4u);
  EXPECT_EQ(Buckets({128}, {.min_buckets = 4}).size(), 1u);
}

TEST_F(MakeBucketsTest, CoverEverythingOnce) {
  for (int min_buckets = 1; min_buckets <= 12; ++min_buckets) {
    const std::vector<GradBucket> buckets = Buckets(
        {384, 128, 1024, 128, 128, 256, 640}, {.min_buckets = min_buckets});
    int64_t end = params_->all().count;
    for (const GradBucket& bucket : buckets) {
      EXPECT_EQ(bucket.range.begin + bucket.range.count, end);
      end = bucket.range.begin;
    }
    EXPECT_EQ(end, 0);
  }
}

TEST(GradSyncTest, SumsStartDuringBackward) {
  RunRanks(3, kTinyChunks, [](TestRank& self) {
    const auto params =
        MakeStore(self.device, *self.compute, std::vector<int64_t>(6, 1152));
    GradSync sync({*params, *self.world, *self.compute, *self.communication},
                  {.min_buckets = 3});
    ASSERT_EQ(sync.buckets().size(), 3u);
    for (int step = 0; step < 3; ++step) {
      for (int unit = 5; unit >= 0; --unit) {
        FillUnit(*params, unit, self.rank, step);
        sync.UnitReady(unit);
        EXPECT_EQ(sync.started(), (6 - unit) / 2);
        if (unit != 4) continue;
        // The first bucket gets through while the backward pass goes on.
        const Event first = self.communication->Record();
        while (!first.Done()) self.device.Progress();
        EXPECT_EQ(params->gradients({4 * 1152, 1}).Data<float>()[0],
                  Value(0, 4 * 1152, step) + Value(1, 4 * 1152, step) +
                      Value(2, 4 * 1152, step));
      }
      sync.Finish();
      ExpectSums(*params, 3, step);
      EXPECT_EQ(sync.stats().bytes, 6 * 1152 * 4 * 2 * 2 / 3);
      EXPECT_GE(sync.stats().total_seconds, sync.stats().exposed_seconds);
      EXPECT_GE(sync.stats().exposed_seconds, 0);
    }
  });
}

TEST(GradSyncTest, WithoutOverlapEverythingStartsAtTheEnd) {
  RunRanks(2, kTinyChunks, [](TestRank& self) {
    const auto params = MakeStore(self.device, *self.compute, {512, 128, 256});
    GradSync sync({*params, *self.world, *self.compute, *self.communication},
                  {.overlap = false});
    for (int unit = 2; unit >= 0; --unit) {
      FillUnit(*params, unit, self.rank, 0);
      sync.UnitReady(unit);
      EXPECT_EQ(sync.started(), 0);
    }
    sync.Finish();
    ExpectSums(*params, 2, 0);
  });
}

// Ranks whose units become ready in different orders still agree.
TEST(GradSyncTest, BucketsStartInOneOrder) {
  RunRanks(2, kTinyChunks, [](TestRank& self) {
    const auto params =
        MakeStore(self.device, *self.compute, std::vector<int64_t>(4, 640));
    GradSync sync({*params, *self.world, *self.compute, *self.communication},
                  {.min_buckets = 4});
    for (int i = 0; i < 4; ++i) {
      const int unit = self.rank == 0 ? i : 3 - i;
      FillUnit(*params, unit, self.rank, 0);
      sync.UnitReady(unit);
      if (self.rank == 0) {
        EXPECT_EQ(sync.started(), i == 3 ? 4 : 0);
      }
    }
    sync.Finish();
    ExpectSums(*params, 2, 0);
  });
}

TEST(GradSyncTest, OneRankDoesNothing) {
  CpuDevice device;
  const auto compute = device.CreateStream();
  const auto communication = device.CreateStream();
  const auto params = MakeStore(device, *compute, {128});
  SingleCommunicator alone;
  GradSync sync({*params, alone, *compute, *communication});
  for (int step = 0; step < 2; ++step) {
    sync.UnitReady(0);
    sync.Finish();
    EXPECT_EQ(sync.stats().bytes, 0);
  }
}

TEST(GradSyncDeathTest, UnitsAreReadyOnce) {
  CpuDevice device;
  const auto compute = device.CreateStream();
  const auto communication = device.CreateStream();
  const auto params = MakeStore(device, *compute, {128, 128});
  ThreadHub hub(2);
  HostCommunicator world(hub.Connect(0), device);
  GradSync sync({*params, world, *compute, *communication}, {.overlap = false});
  EXPECT_DEATH(sync.Finish(), "CHECK failed");
  sync.UnitReady(1);
  EXPECT_DEATH(sync.UnitReady(1), "unit1 is ready twice");
}

}  // namespace
}  // namespace cogdist::testing
