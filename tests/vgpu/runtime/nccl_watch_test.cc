// NCCL's operations in the ledger, and what is said when they cannot go on.

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cuda.h"
#include "cuda_runtime_api.h"
#include "gmock/gmock.h"
#include "nccl.h"
#include "runtime/cuda/cuda_stream.h"
#include "tests/testing/gpu.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/vgpu/ledgers.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using testing::GpuRank;
using testing::GpuTensor;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RunGpuRanks;
using vgpu::kNever;
using vgpu::Ledgers;
using vgpu::Machine;
using vgpu::Watch;

// A tensor of a rank, whose values do not matter.
class Zeros {
 public:
  Zeros(GpuRank& self, int64_t count)
      : tensor_(self.device, DType::kFloat32, count) {
    FillZero(self.stream, tensor_.view());
  }
  TensorView Some(int64_t count) const {
    return tensor_.view().Slice(0, 0, count);
  }

 private:
  GpuTensor tensor_;
};

TEST(NcclWatchTest, NamesWhoDidNotCall) {
  Machine machine({.devices = 3, .collective_timeout_seconds = kNever});
  const Ledgers ledgers(3);
  std::promise<std::string> said[3];
  std::string messages[2];
  RunGpuRanks(
      *CogdistGpuBackend(), 3,
      [&](GpuRank& self) {
        const Zeros x(self, 9);
        CurrentRankTag().step = 5;
        self.world.AllReduceSum(self.stream, x.Some(8));
        self.stream.Synchronize();
        self.world.Barrier();
        const Watch watch(*ledgers.all()[self.rank],
                          self.rank == 2 ? kNever : 0.5, said[self.rank]);
        if (self.rank == 2) {
          for (int i = 0; i < 2; ++i) messages[i] = said[i].get_future().get();
        }
        self.world.Broadcast(self.stream, x.Some(5), 0);
        self.world.AllReduceSum(self.stream, x.Some(9));
        // The thread sits in CUDA, as it does when a step hangs.
        self.stream.Synchronize();
      },
      ledgers.all());
  for (int rank = 0; rank < 2; ++rank) {
    // The third: making the communicator is the first one.
    EXPECT_THAT(messages[rank],
                AllOf(HasSubstr(absl::StrCat("rank ", rank, ", step 5: ")),
                      HasSubstr("broadcast of 5 elements (operation 3 of group "
                                "world) has not ended"),
                      HasSubstr("; missing: rank 2\n")));
  }
  EXPECT_THAT(absl::StrCat(messages[0], messages[1]),
              AllOf(HasSubstr("rank 2 (process"),
                    HasSubstr("has not arrived and does not respond: step 5"),
                    HasSubstr("after all-reduce of 8 elements")));
  EXPECT_THAT(machine.reports(), IsEmpty());
}

// The rank has called, but its GPU does not get that far.
TEST(NcclWatchTest, NamesWhoseStreamDoesNotArrive) {
  Machine machine({.devices = 2, .collective_timeout_seconds = kNever});
  const Ledgers ledgers(2);
  std::promise<std::string> said[2];
  std::promise<void> told;
  std::shared_future<void> gate = told.get_future().share();
  std::string message;
  RunGpuRanks(
      *CogdistGpuBackend(), 2,
      [&](GpuRank& self) {
        const Zeros x(self, 6);
        self.stream.Synchronize();
        self.world.Barrier();  // streams do nothing while one is at the gate
        const Watch watch(*ledgers.all()[self.rank],
                          self.rank == 1 ? kNever : 0.5, said[self.rank]);
        if (self.rank == 1) {
          const cudaHostFn_t wait = [](void* future) {
            static_cast<std::shared_future<void>*>(future)->wait();
          };
          cudaLaunchHostFunc(AsCudaStream(self.stream).handle(), wait, &gate);
        }
        self.world.AllReduceSum(self.stream, x.Some(6));
        if (self.rank == 0) {
          message = said[0].get_future().get();
          told.set_value();
        }
        self.stream.Synchronize();
      },
      ledgers.all());
  EXPECT_THAT(message, AllOf(HasSubstr("all-reduce of 6 elements"),
                             HasSubstr("; missing: rank 1\n")));
}

TEST(NcclWatchTest, OfAMessageThePeerIsMissing) {
  Machine machine({.devices = 3, .collective_timeout_seconds = kNever});
  const Ledgers ledgers(3);
  std::promise<std::string> said;
  std::promise<void> told;
  std::string message;
  RunGpuRanks(
      *CogdistGpuBackend(), 3,
      [&](GpuRank& self) {
        const Zeros x(self, 4);
        self.world.Barrier();
        if (self.rank == 1) {
          const Watch watch(*ledgers.all()[1], 0.5, said);
          self.world.Recv(self.stream, x.Some(4), 2);
          message = said.get_future().get();
          told.set_value();
        } else if (self.rank == 2) {
          told.get_future().wait();
          self.world.Send(self.stream, x.Some(4), 1);
        }
      },
      ledgers.all());
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("message from rank 2 of 4 elements (operation 1 "
                      "of group world receives)"),
            HasSubstr("; missing: rank 2\n"), Not(HasSubstr("rank 0"))));
  EXPECT_EQ(ledgers.Lane(2, "world sends").finished, 1);
}

// While the rank's thread makes no call that would tell.
TEST(NcclWatchTest, TellsWhatFailsInNcclsThreads) {
  Machine machine({.devices = 2});
  const Ledgers ledgers(2);
  std::promise<std::string> said;
  std::string message;
  RunGpuRanks(
      *CogdistGpuBackend(), 2,
      [&](GpuRank& self) {
        self.world.Barrier();
        if (self.rank == 1) {
          const Watch watch(*ledgers.all()[1], kNever, said);
          machine.FailCall("ncclCommGetAsyncError", 3, ncclRemoteError);
          message = said.get_future().get();
        }
        self.world.Barrier();
      },
      ledgers.all());
  EXPECT_THAT(message,
              AllOf(HasSubstr("rank 1, step "),
                    HasSubstr("an operation of NCCL failed: remote rank lost"),
                    HasSubstr(" after barrier (operation 1 of group world)")));
}

TEST(NcclWatchTest, EveryOperationIsNotedToItsEnd) {
  Machine machine({.devices = 4, .seed = 3});
  const Ledgers ledgers(4);
  RunGpuRanks(
      *CogdistGpuBackend(), 4,
      [&](GpuRank& self) {
        auto pair = self.world.Split(
            self.rank < 2 ? std::vector<int>{0, 1} : std::vector<int>{2, 3},
            "pair");
        ASSERT_TRUE(pair.ok());
        const Zeros x(self, 10);
        for (int i = 0; i < 50; ++i) {
          self.world.AllReduceSum(self.stream, x.Some(10));
          (*pair)->AllGather(self.stream, x.Some(10));
          (*pair)->ReduceScatterSum(self.stream, x.Some(10), {0, 3, 10});
        }
        self.stream.Synchronize();
        (*pair)->Barrier();
      },
      ledgers.all());
  for (int rank = 0; rank < 4; ++rank) {
    for (const auto& [name, count] :
         {std::pair("world", 50), std::pair("pair", 100)}) {
      // And one when the communicator is made and one when it is destroyed.
      EXPECT_EQ(ledgers.Lane(rank, name).begun, count + 2);
      EXPECT_EQ(ledgers.Lane(rank, name).finished, count + 2);
    }
  }
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(NcclWatchTest, NotingNeitherWaitsNorAllocates) {
  Machine machine({.devices = 2});
  const Ledgers ledgers(2);
  constexpr const char* kCalls[] = {
      "cudaMalloc",      "cudaHostAlloc",      "cudaStreamSynchronize",
      "cudaEventRecord", "cudaLaunchHostFunc", "cudaEventQuery"};
  RunGpuRanks(
      *CogdistGpuBackend(), 2,
      [&](GpuRank& self) {
        const Zeros x(self, 10);
        self.world.Barrier();
        std::vector<int64_t> before;
        for (const char* call : kCalls) before.push_back(machine.calls(call));
        self.world.Barrier();
        for (int i = 0; i < 20; ++i) {
          self.world.AllReduceSum(self.stream, x.Some(10));
        }
        self.world.Barrier();
        for (size_t i = 0; i < before.size(); ++i) {
          EXPECT_EQ(machine.calls(kCalls[i]), before[i]) << kCalls[i];
        }
        self.world.Barrier();
      },
      ledgers.all());
  EXPECT_EQ(machine.calls("cuStreamWriteValue64"), 2 * 2 * 20);
}

TEST(NcclWatchTest, WithoutAWatchAGraphMayHoldCollectives) {
  Machine machine({.devices = 2});
  RunGpuRanks(*CogdistGpuBackend(), 2, [&](GpuRank& self) {
    GpuTensor x(self.device, DType::kFloat32, 1);
    x.Set(self.stream, {self.rank + 1.0F});
    const auto body = [&] { self.world.AllReduceSum(self.stream, x.view()); };
    auto graph = AsGpuStream(self.stream).Capture(body);
    ASSERT_TRUE(graph.ok()) << graph.status();
    (*graph)->Launch(AsGpuStream(self.stream));
    (*graph)->Launch(AsGpuStream(self.stream));
    EXPECT_EQ(x.Get(self.stream)[0], 6);
  });
}

class NcclDeathTest : public ::testing::Test {
 protected:
  NcclDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Two ranks; the one that dies ends the process.
  static void Run(const std::function<void(GpuRank&)>& body,
                  bool watched = false) {
    const Ledgers ledgers(2);
    const std::vector<Ledger*> none;
    RunGpuRanks(
        *CogdistGpuBackend(), 2,
        [&](GpuRank& self) {
          CurrentRankTag().step = 41;
          body(self);
          for (;;) absl::SleepFor(absl::Seconds(1));
        },
        watched ? ledgers.all() : none);
  }
};

TEST_F(NcclDeathTest, AFailedCallNamesItselfRankAndStep) {
  EXPECT_DEATH(
      {
        Machine machine({.devices = 2});
        machine.FailCall("ncclBroadcast", 1, ncclInvalidUsage);
        Run([](GpuRank& self) {
          const Zeros x(self, 3);
          if (self.rank == 1) self.world.Broadcast(self.stream, x.Some(3), 1);
        });
      },
      "rank 1, step 41.*ncclBroadcast failed: invalid usage");
}

TEST_F(NcclDeathTest, AFailedMarkNamesItself) {
  EXPECT_DEATH(
      {
        Machine machine({.devices = 2});
        machine.FailCall("cuStreamWriteValue64", 1, CUDA_ERROR_INVALID_VALUE);
        Run(
            [](GpuRank& self) {
              const Zeros x(self, 3);
              if (self.rank == 1) {
                self.world.Broadcast(self.stream, x.Some(3), 1);
              }
            },
            /*watched=*/true);
      },
      "rank 1, step 41.*cuStreamWriteValue64 failed: cudaErrorInvalidValue");
}

// NCCL notices in the background; the next call of a rank tells.
TEST_F(NcclDeathTest, RanksThatDisagreeAreTold) {
  EXPECT_DEATH(
      {
        Machine machine({.devices = 2});
        Run([](GpuRank& self) {
          const Zeros x(self, 9);
          self.world.AllReduceSum(self.stream, x.Some(7 + self.rank));
          for (;;) self.world.AllReduceSum(self.stream, x.Some(1));
        });
      },
      "rank [01], step 41.*nccl.* failed: remote rank lost.*the ranks' calls "
      "disagree.*rank 0: AllReduce of 7 float32, sum"
      ".*rank 1: AllReduce of 8 float32, sum");
}

TEST_F(NcclDeathTest, ALostDeviceEndsItsPeers) {
  EXPECT_DEATH(
      {
        Machine machine({.devices = 2, .collective_timeout_seconds = 1});
        Run([&](GpuRank& self) {
          const Zeros x(self, 4);
          if (self.rank == 1) return machine.LoseDevice(1);
          self.world.AllReduceSum(self.stream, x.Some(4));
          self.stream.Synchronize();
        });
      },
      "rank 0, step 41.*cudaStreamSynchronize.*failed: cudaErrorLaunchFailure "
      ".earlier work has failed: NCCL communicator 1: .*"
      "rank 1: nothing pending");
}

}  // namespace
}  // namespace cogdist
