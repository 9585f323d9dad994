// The same checks as with threads, between processes: run under mpirun. Exits
// non-zero on the rank that fails, so that mpirun does.

#include <memory>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "parallel/bootstrap.h"
#include "parallel/rank_context.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/parallel/collective_checks.h"

namespace cogdist::testing {
namespace {

// Of this process, set by main.
RankContext* context = nullptr;
Communicator* everyone = nullptr;  // carries tensors, as the world does not

TEST(MpiTest, PlacementIsConsistent) {
  const Placement& placement = context->placement;
  EXPECT_EQ(placement.rank, context->groups.world->rank());
  EXPECT_EQ(placement.local_size, placement.world_size);  // one machine
  EXPECT_EQ(placement.local_rank, placement.rank);
  EXPECT_GE(placement.num_threads, 1);
}

TEST(MpiTest, Collectives) {
  Communicator& world = *everyone;
  CheckCollectives<float>(world, *context->streams.compute,
                          *context->streams.replicas);
  CheckCollectives<BFloat16>(world, *context->streams.compute,
                             *context->streams.replicas);
  CheckAllReduce<float>(world, *context->streams.compute, 3'000'001);
  CheckUnevenParts<float>(world, *context->streams.compute, 3'000'001,
                          SumOrder::kRing);
  CheckExchange<float>(world, *context->streams.compute, 1'000'001, 1);
  CheckBroadcast<float>(world, *context->streams.compute, 1'000'001);
}

TEST(MpiTest, Control) { CheckControl(*context->groups.world); }

TEST(MpiTest, ManyInFlightOnTwoGroups) {
  CheckManyInFlight(*everyone, *context->groups.replicas,
                    *context->streams.compute, *context->streams.replicas);
}

TEST(MpiTest, ReversedSubgroups) {
  Communicator& world = *context->groups.world;
  std::vector<int> members;
  for (int rank = world.size() - 1; rank >= 0; --rank) {
    if (rank % 2 == world.rank() % 2) members.push_back(rank);
  }
  const auto group = world.Split(members);
  ASSERT_TRUE(group.ok()) << group.status();
  CheckCollectives<float>(**group, *context->streams.compute,
                          *context->streams.replicas);
}

int RunTests(Bootstrap& bootstrap) {
  auto device = std::make_unique<CpuDevice>();
  auto world = bootstrap.CreateWorld(*device);
  COG_CHECK_OK(world.status());
  const Mesh mesh({1, 1, bootstrap.placement().world_size, 1});
  auto made = MakeRankContext(bootstrap.placement(), mesh, std::move(device),
                              *std::move(world));
  COG_CHECK_OK(made.status());
  context = &*made;
  const auto group = context->groups.world->Duplicate("everyone");
  COG_CHECK_OK(group.status());
  everyone = group->get();
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace cogdist::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::StatusOr<cogdist::Bootstrap> bootstrap = cogdist::Bootstrap::Start();
  COG_CHECK_OK(bootstrap.status());
  if (cogdist::testing::RunTests(*bootstrap) != 0) bootstrap->Abort(1);
  bootstrap->Finish();
  return 0;
}
