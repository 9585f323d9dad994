// Collectives with ranks as threads, over a transport that never buffers.

#include "parallel/communicator.h"

#include <vector>

#include "gtest/gtest.h"
#include "parallel/single_communicator.h"
#include "runtime/meta/meta_device.h"
#include "tests/parallel/collective_checks.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {
namespace {

// Small messages, so that the test's sizes take many; a turn ends after one.
constexpr MessageOptions kTinyChunks = {.chunk_bytes = 256, .turn_bytes = 1};

class CollectivesTest : public ::testing::TestWithParam<int> {};

TEST_P(CollectivesTest, Float32) {
  RunRanks(GetParam(), kTinyChunks, [](TestRank& self) {
    CheckCollectives<float>(*self.world, *self.compute, *self.communication);
  });
}

TEST_P(CollectivesTest, BFloat16) {
  RunRanks(GetParam(), kTinyChunks, [](TestRank& self) {
    CheckCollectives<BFloat16>(*self.world, *self.compute, *self.communication);
  });
}

TEST_P(CollectivesTest, DefaultChunks) {
  RunRanks(GetParam(), [](TestRank& self) {
    CheckAllReduce<float>(*self.world, *self.compute, 300'001);
    CheckSameBits<BFloat16>(*self.world, *self.compute, 10'001);
  });
}

TEST_P(CollectivesTest, Control) {
  RunRanks(GetParam(), [](TestRank& self) { CheckControl(*self.world); });
}

TEST_P(CollectivesTest, ManyInFlight) {
  RunRanks(GetParam(), kTinyChunks, [](TestRank& self) {
    const auto second = self.world->Duplicate("second");
    ASSERT_TRUE(second.ok());
    CheckManyInFlight(*self.world, **second, *self.compute,
                      *self.communication);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, CollectivesTest, ::testing::Range(1, 9));

TEST(HostCommunicatorTest, SplitsIntoReorderedGroups) {
  RunRanks(6, kTinyChunks, [](TestRank& self) {
    const std::vector<int> odd = {5, 3, 1}, even = {0, 2, 4};
    const auto group = self.world->Split(self.rank % 2 == 1 ? odd : even);
    ASSERT_TRUE(group.ok());
    EXPECT_EQ((*group)->size(), 3);
    EXPECT_EQ((*group)->rank(),
              self.rank % 2 == 1 ? (5 - self.rank) / 2 : self.rank / 2);
    CheckCollectives<float>(**group, *self.compute, *self.communication);
    const std::vector<std::string> names =
        (*group)->AllGatherStrings(std::to_string(self.rank));
    EXPECT_EQ(names, self.rank % 2 == 1
                         ? std::vector<std::string>({"5", "3", "1"})
                         : std::vector<std::string>({"0", "2", "4"}));
    // A group of a group.
    const auto alone = (*group)->Split({(*group)->rank()});
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ((*alone)->size(), 1);
  });
}

// Rank 0 meets the others in a control operation while they still need it for
// a collective that it has only enqueued.
TEST(HostCommunicatorTest, ControlLetsPendingStreamsAdvance) {
  RunRanks(3, kTinyChunks, [](TestRank& self) {
    std::vector<float> x = Integers<float>(self.rank, 5000);
    self.world->AllReduceSum(*self.communication, Flat(x));
    if (self.rank != 0) self.communication->Synchronize();
    self.world->Barrier();
    self.communication->Synchronize();
    EXPECT_EQ(x[17], IntegerSum<float>(3, 17));
  });
}

// A kernel on another stream that waits for the event sees the sum.
TEST(HostCommunicatorTest, EventsOrderStreams) {
  RunRanks(2, kTinyChunks, [](TestRank& self) {
    std::vector<float> x = Integers<float>(self.rank, 5000), copy(5000);
    self.world->AllReduceSum(*self.communication, Flat(x));
    self.compute->Wait(self.communication->Record());
    self.compute->Copy(copy.data(), x.data(), x.size() * sizeof(float));
    EXPECT_EQ(copy[4999], IntegerSum<float>(2, 4999));
  });
}

TEST(HostCommunicatorTest, MetaDeviceCountsWithoutSending) {
  ThreadHub hub(4);
  MetaDevice device;
  HostCommunicator world(hub.Connect(1), device);
  const std::unique_ptr<Stream> stream = device.CreateStream();
  const TensorView x(nullptr, DType::kFloat32, {1000});
  world.AllReduceSum(*stream, x);
  EXPECT_EQ(world.traffic().data_bytes, 2 * 3 * 1000);
  EXPECT_GT(stream->workspace_bytes(), 0);
}

TEST(SingleCommunicatorTest, DoesNothing) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  SingleCommunicator alone;
  CheckCollectives<float>(alone, *stream, *stream);
  CheckControl(alone);
  EXPECT_EQ(stream->workspace_bytes(), 0);
}

TEST(HostCommunicatorTest, GroupsForControlAlone) {
  RunRanks(3, [](TestRank& self) {
    const auto control = self.world->Split({0, 1, 2}, "control",
                                           Communicator::Carries::kControl);
    ASSERT_TRUE(control.ok());
    CheckControl(**control);
    const auto duplicate = (*control)->Duplicate("tensors");
    ASSERT_TRUE(duplicate.ok());
    CheckCollectives<float>(**duplicate, *self.compute, *self.communication);
  });
}

TEST(CommunicatorDeathTest, GroupsForControlAloneRefuseTensors) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  ThreadHub hub(2);
  HostCommunicator control(hub.Connect(0), device, MessageOptions(),
                           LedgerGroup(), Communicator::Carries::kControl);
  std::vector<float> floats(4);
  const TensorView x = Flat(floats);
  constexpr char kRefusal[] = "group for control operations alone";
  EXPECT_DEATH(control.AllReduceSum(*stream, x), kRefusal);
  EXPECT_DEATH(control.AllReduceMax(*stream, x), kRefusal);
  EXPECT_DEATH(control.ReduceScatterSum(*stream, x), kRefusal);
  EXPECT_DEATH(control.AllGather(*stream, x), kRefusal);
  EXPECT_DEATH(control.Broadcast(*stream, x, 0), kRefusal);
  EXPECT_DEATH(control.Send(*stream, x, 1), kRefusal);
  EXPECT_DEATH(control.Recv(*stream, x, 1), kRefusal);
}

TEST(CommunicatorDeathTest, OwnBugs) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  ThreadHub hub(2);
  HostCommunicator world(hub.Connect(0), device);
  std::vector<int32_t> integers(4);
  std::vector<float> floats(4);
  EXPECT_DEATH(world.AllReduceSum(*stream, Flat(integers)), "cannot sum int32");
  EXPECT_DEATH(world.Send(*stream, Flat(floats), 0), "no other rank 0");
  EXPECT_DEATH(world.Broadcast(*stream, Flat(floats), 2), "no rank 2");
  EXPECT_DEATH(world.AllGather(*stream, Flat(floats), {0, 3, 5}), "0 to 5");
  EXPECT_DEATH((void)world.Split({1}), "members");
}

}  // namespace
}  // namespace cogdist::testing
