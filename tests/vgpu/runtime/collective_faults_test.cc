// Collectives that cannot go on: every rank is told why, and nobody hangs.

#include <unistd.h>
#include <functional>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nccl.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/nccl_testing.h"

namespace cogdist::vgpu {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CollectiveFaultsTest, DisagreementOnCount) {
  Machine machine({.devices = 3});
  RunNcclRanks(3, [](NcclRank& self) {
    EXPECT_EQ(self.AllReduce(self.rank == 1 ? 7 : 8), ncclSuccess);
    EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
    ncclResult_t error = ncclSuccess;
    ncclCommGetAsyncError(self.comm, &error);
    EXPECT_EQ(error, ncclRemoteError);
    EXPECT_THAT(ncclGetLastError(self.comm), HasSubstr("disagree"));
    EXPECT_EQ(self.AllReduce(8), ncclRemoteError);
  });
  EXPECT_THAT(
      machine.reports(),
      ElementsAre(AllOf(HasSubstr("rank 0: AllReduce of 8 float32, sum"),
                        HasSubstr("rank 1: AllReduce of 7 float32, sum"),
                        HasSubstr("rank 2: AllReduce of 8 float32, sum"))));
}

TEST(CollectiveFaultsTest, DisagreementOnEverythingElse) {
  const std::vector<std::function<void(NcclRank&)>> second_ranks = {
      [](NcclRank& self) { self.AllReduce(4, ncclMax); },
      [](NcclRank& self) {
        ncclAllReduce(self.x, self.x, 4, ncclBfloat16, ncclSum, self.comm,
                      self.stream);
      },
      [](NcclRank& self) {
        ncclBroadcast(self.x, self.x, 4, ncclFloat32, 0, self.comm,
                      self.stream);
      },
  };
  for (const auto& second : second_ranks) {
    Machine machine({.devices = 2});
    RunNcclRanks(2, [&](NcclRank& self) {
      self.rank == 0 ? (void)self.AllReduce(4) : second(self);
      EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
    });
    EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("disagree")));
  }
}

TEST(CollectiveFaultsTest, DisagreementOnRoot) {
  Machine machine({.devices = 2});
  RunNcclRanks(2, [&](NcclRank& self) {
    ncclBroadcast(self.x, self.x, 4, ncclFloat32, self.rank, self.comm,
                  self.stream);
    EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
  });
  EXPECT_THAT(machine.reports(), ElementsAre(AllOf(HasSubstr("from rank 0"),
                                                   HasSubstr("from rank 1"))));
}

TEST(CollectiveFaultsTest, ARankThatNeverCalls) {
  Machine machine({.devices = 3, .collective_timeout_seconds = 0.2});
  RunNcclRanks(3, [&](NcclRank& self) {
    EXPECT_EQ(self.AllReduce(5), ncclSuccess);
    if (self.rank == 2) {  // nor is it about to leave
      while (machine.reports().empty()) usleep(1000);
      return;
    }
    EXPECT_EQ(self.AllReduce(6), ncclSuccess);
    EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
  });
  EXPECT_THAT(machine.reports(),
              ElementsAre(AllOf(
                  HasSubstr("waited too long"),
                  HasSubstr("rank 0: AllReduce of 6 float32, sum"),
                  HasSubstr("rank 1: AllReduce of 6 float32, sum"),
                  HasSubstr("rank 2: nothing pending, after AllReduce of 5"))));
}

TEST(CollectiveFaultsTest, ARankThatDisappears) {
  Machine machine({.devices = 2, .collective_timeout_seconds = 0.2});
  RunNcclRanks(2, [&](NcclRank& self) {
    if (self.rank == 1) machine.LoseDevice(1);
    EXPECT_EQ(self.AllReduce(5), ncclSuccess);
    if (self.rank == 0) {
      EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
    }
  });
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("rank 1: nothing pending, after no call")));
}

TEST(CollectiveFaultsTest, AMessageThatNobodyTakes) {
  Machine machine({.devices = 2, .collective_timeout_seconds = 0.2});
  RunNcclRanks(2, [](NcclRank& self) {
    if (self.rank == 1) return;
    ncclSend(self.x, 3, ncclFloat32, 1, self.comm, self.stream);
    EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
  });
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("rank 0: Send of 3 float32 to rank 1")));
}

TEST(CollectiveFaultsTest, TwoRanksThatSendFirst) {
  Machine machine({.devices = 2, .collective_timeout_seconds = 0.2});
  RunNcclRanks(2, [](NcclRank& self) {
    const int peer = 1 - self.rank;
    ncclSend(self.x, 3, ncclFloat32, peer, self.comm, self.stream);
    ncclRecv(self.x + 8, 3, ncclFloat32, peer, self.comm, self.stream);
    EXPECT_EQ(self.Finish(), cudaErrorLaunchFailure);
  });
  EXPECT_EQ(machine.reports().size(), 1u);
}

TEST(CollectiveFaultsTest, AnAbsentRankAtTheStart) {
  Machine machine({.devices = 2, .collective_timeout_seconds = 0.2});
  ncclUniqueId id;
  ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRank(&comm, 2, id, 1), ncclInvalidUsage);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("rank 0: has not joined")));
}

TEST(CollectiveFaultsTest, BuffersOfTheHostAndOverlaps) {
  Machine machine({.devices = 2});
  RunNcclRanks(2, [](NcclRank& self) {
    float host[4] = {};
    EXPECT_EQ(ncclAllReduce(host, self.x, 4, ncclFloat32, ncclSum, self.comm,
                            self.stream),
              ncclInvalidArgument);
    EXPECT_EQ(ncclAllReduce(self.x, self.x + 2, 4, ncclFloat32, ncclSum,
                            self.comm, self.stream),
              ncclInvalidArgument);
    EXPECT_EQ(self.Finish(), cudaSuccess);
  });
  EXPECT_EQ(machine.reports().size(), 4u);
}

TEST(CollectiveFaultsTest, GroupsAreOneOperation) {
  Machine machine({.devices = 2, .seed = 3});
  RunNcclRanks(2, [](NcclRank& self) {
    const int peer = 1 - self.rank;
    for (int i = 0; i < 20; ++i) {
      ncclGroupStart();
      ncclSend(self.x, 3, ncclFloat32, peer, self.comm, self.stream);
      ncclRecv(self.x + 8, 3, ncclFloat32, peer, self.comm, self.stream);
      EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
    }
    EXPECT_EQ(self.Finish(), cudaSuccess);
  });
  EXPECT_THAT(machine.reports(), IsEmpty());
}

}  // namespace
}  // namespace cogdist::vgpu
