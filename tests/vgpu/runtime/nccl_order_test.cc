// The operations of one communicator take turns, whatever streams they are on:
// what hangs with NCCL is reported here.

#include <unistd.h>

#include <cstdlib>
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
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kCount = 3;

// Enough for every stream to get to what it will wait for.
constexpr double kDeadlockSeconds = 1;

void Order(cudaStream_t from, cudaStream_t to) {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaEventRecord(event, from);
  cudaStreamWaitEvent(to, event, 0);
  cudaEventDestroy(event);
}

// A second stream of a rank, after what is on the first.
cudaStream_t SecondStream(const NcclRank& self) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  Order(self.stream, stream);
  return stream;
}

cudaError_t Finish(const NcclRank& self, cudaStream_t second) {
  const cudaError_t error = cudaStreamSynchronize(second);
  return error == cudaSuccess ? self.Finish() : error;
}

// Messages have places of their own, so that only turns are in the way.
ncclResult_t Send(const NcclRank& self, int peer, ncclComm_t comm,
                  cudaStream_t on) {
  return ncclSend(self.x + 16, kCount, ncclFloat32, peer, comm, on);
}
ncclResult_t Receive(const NcclRank& self, int peer, ncclComm_t comm,
                     cudaStream_t on) {
  return ncclRecv(self.x + 32, kCount, ncclFloat32, peer, comm, on);
}

// A sum and a message, each on a stream of its own.
void SumAndMessage(bool opposite) {
  RunNcclRanks(2, [&](NcclRank& self) {
    const cudaStream_t second = SecondStream(self);
    const auto message = self.rank == 0 ? Send : Receive;
    const bool message_first = opposite && self.rank == 1;
    if (message_first) message(self, 1 - self.rank, self.comm, second);
    self.AllReduce(8);
    if (!message_first) message(self, 1 - self.rank, self.comm, second);
    EXPECT_EQ(Finish(self, second),
              opposite ? cudaErrorLaunchFailure : cudaSuccess);
  });
}

TEST(NcclOrderTest, OppositeOrdersOnTwoStreamsNeverEnd) {
  Machine machine(
      {.devices = 2, .collective_timeout_seconds = kDeadlockSeconds});
  SumAndMessage(/*opposite=*/true);
  EXPECT_THAT(
      machine.reports(),
      ElementsAre(AllOf(
          HasSubstr("NCCL communicator 1: ranks have waited too long"),
          HasSubstr("rank 0: AllReduce of 8 float32, sum, on device 0, stream"),
          HasSubstr("and behind it, in the order of the calls: Send of 3 "
                    "float32 to rank 1, on device 0, stream"),
          HasSubstr("rank 1: Recv of 3 float32 from rank 0, on device 1"),
          HasSubstr("and behind it, in the order of the calls: AllReduce of 8 "
                    "float32, sum, on device 1, stream"))));
}

TEST(NcclOrderTest, OneOrderOnTwoStreamsIsFine) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Machine machine({.devices = 2, .seed = seed});
    SumAndMessage(/*opposite=*/false);
    EXPECT_THAT(machine.reports(), IsEmpty());
  }
}

// The operation that is next sits behind something else on its stream.
TEST(NcclOrderTest, NamesAStreamThatDoesNotCome) {
  Machine machine(
      {.devices = 2, .collective_timeout_seconds = kDeadlockSeconds});
  RunNcclRanks(2, [&](NcclRank& self) {
    const cudaStream_t second = SecondStream(self);
    if (self.rank == 1) return;
    cudaLaunchHostFunc(
        self.stream,
        [](void* machine) {
          while (static_cast<Machine*>(machine)->reports().empty()) {
            usleep(1000);
          }
        },
        &machine);
    self.AllReduce(8);
    Send(self, 1, self.comm, second);
    EXPECT_EQ(Finish(self, second), cudaErrorLaunchFailure);
  });
  EXPECT_THAT(
      machine.reports(),
      ElementsAre(AllOf(HasSubstr("has not come to AllReduce of 8 float32"),
                        HasSubstr("and behind it, in the order of the calls: "
                                  "Send of 3 float32 to rank 1"))));
}

// A rank's place in a ring, all of whose ranks send before they receive.
struct RingPlace {
  NcclRank& self;
  cudaStream_t second;
  int before, after;
  const std::vector<ncclUniqueId>& pairs;  // of ranks and the ones after them
};
using RingStep = std::function<void(const RingPlace&)>;

std::vector<std::string> RunRing(
    const RingStep& step,
    double timeout_seconds = Options().collective_timeout_seconds) {
  constexpr int kSize = 3;
  Machine machine(
      {.devices = kSize, .collective_timeout_seconds = timeout_seconds});
  std::vector<ncclUniqueId> pairs(kSize);
  for (ncclUniqueId& pair : pairs) ncclGetUniqueId(&pair);
  RunNcclRanks(kSize, [&](NcclRank& self) {
    const cudaStream_t second = SecondStream(self);
    step({.self = self,
          .second = second,
          .before = (self.rank + kSize - 1) % kSize,
          .after = (self.rank + 1) % kSize,
          .pairs = pairs});
    Finish(self, second);
  });
  return machine.reports();
}

void SendThenReceive(const RingPlace& at) {
  Send(at.self, at.after, at.self.comm, at.self.stream);
  Receive(at.self, at.before, at.self.comm, at.second);
}

void InAGroup(const RingPlace& at) {
  ncclGroupStart();
  SendThenReceive(at);
  EXPECT_EQ(ncclGroupEnd(), ncclSuccess);
}

TEST(NcclOrderTest, ARingOfSingleMessagesNeverEnds) {
  EXPECT_THAT(RunRing(SendThenReceive, kDeadlockSeconds),
              ElementsAre(AllOf(
                  HasSubstr("rank 0: Send of 3 float32 to rank 1, on"),
                  HasSubstr("rank 1: Send of 3 float32 to rank 2, on"),
                  HasSubstr("rank 2: Send of 3 float32 to rank 0, on"),
                  HasSubstr("behind it, in the order of the calls: Recv of "
                            "3 float32 from rank 1, on device 2"))));
}

TEST(NcclOrderTest, ARingOfGroupsIsFine) {
  EXPECT_THAT(RunRing(InAGroup), IsEmpty());
}

// Makes the communicators from the first rank's on, and destroys them in the
// same order, or each rank its one to the rank before first.
RingStep InPairs(bool destroyed_as_made) {
  return [=](const RingPlace& at) {
    std::vector<ncclComm_t> made;
    ncclComm_t before = nullptr, after = nullptr;
    for (int from = 0; from < 3; ++from) {
      const bool to_next = from == at.self.rank;
      if (!to_next && from != at.before) continue;
      ncclComm_t& comm = to_next ? after : before;
      ncclCommInitRank(&comm, 2, at.pairs[from], to_next ? 0 : 1);
      made.push_back(comm);
    }
    Send(at.self, 1, after, at.self.stream);
    Receive(at.self, 0, before, at.second);
    Finish(at.self, at.second);
    if (!destroyed_as_made) made = {before, after};
    for (const ncclComm_t comm : made) ncclCommDestroy(comm);
  };
}

TEST(NcclOrderTest, ARingOfCommunicatorsOfTwoIsFine) {
  EXPECT_THAT(RunRing(InPairs(/*destroyed_as_made=*/true)), IsEmpty());
}

TEST(NcclOrderTest, RanksDestroyACommunicatorTogether) {
  EXPECT_THAT(RunRing(InPairs(/*destroyed_as_made=*/false), kDeadlockSeconds),
              Contains(HasSubstr(
                  "ranks are missing when the communicator is destroyed")));
}

// While the test runs.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    setenv(name, value, /*overwrite=*/1);
  }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;

 private:
  const char* const name_;
};

// Two ranks, each with another communicator and a stream for it.
using TwoCommunicators =
    std::function<void(NcclRank&, ncclComm_t other, cudaStream_t second)>;

std::vector<std::string> RunTwoCommunicators(const Options& options,
                                             const TwoCommunicators& body) {
  Machine machine(options);
  ncclUniqueId id;
  ncclGetUniqueId(&id);
  RunNcclRanks(2, [&](NcclRank& self) {
    ncclComm_t other = nullptr;
    ncclCommInitRank(&other, 2, id, self.rank);
    const cudaStream_t second = SecondStream(self);
    body(self, other, second);
    Finish(self, second);
    ncclCommDestroy(other);
  });
  return machine.reports();
}

// The ranks' streams come to the sum and the message in opposite orders.
std::vector<std::string> RunSideBySide(
    int room, double timeout_seconds = Options().collective_timeout_seconds) {
  const auto body = [](NcclRank& self, ncclComm_t other, cudaStream_t second) {
    cudaLaunchHostFunc(
        self.rank == 0 ? second : self.stream, [](void*) { usleep(100000); },
        nullptr);
    self.AllReduce(8);
    const auto message = self.rank == 0 ? Send : Receive;
    message(self, 1 - self.rank, other, second);
  };
  return RunTwoCommunicators({.devices = 2,
                              .collective_timeout_seconds = timeout_seconds,
                              .concurrent_collectives = room},
                             body);
}

TEST(NcclOrderTest, CommunicatorsSideBySideNeedRoomOrOneOrder) {
  EXPECT_THAT(RunSideBySide(/*room=*/2), IsEmpty());
  EXPECT_THAT(
      RunSideBySide(/*room=*/1, kDeadlockSeconds),
      Contains(AllOf(HasSubstr("ranks have waited too long for each other"),
                     ContainsRegex("    not begun: nccl.* of communicator .*\n"
                                   "    begun: nccl.* of communicator"))));
  const Variable order("NCCL_LAUNCH_ORDER_IMPLICIT", "1");
  EXPECT_THAT(RunSideBySide(/*room=*/1), IsEmpty());
}

// A message each way. The first rank's stream has something behind the
// reception that it was told of first.
std::vector<std::string> RunBothWays(const char* connections) {
  const Variable queues("CUDA_DEVICE_MAX_CONNECTIONS", connections);
  const auto body = [](NcclRank& self, ncclComm_t back, cudaStream_t second) {
    if (self.rank == 0) {
      Receive(self, 1, back, second);
      cudaMemsetAsync(self.x, 0, sizeof(float), second);
      Send(self, 1, self.comm, self.stream);
    } else {
      Receive(self, 0, self.comm, self.stream);
      Order(self.stream, second);
      Send(self, 0, back, second);
    }
  };
  return RunTwoCommunicators({.devices = 2,
                              .collective_timeout_seconds = kDeadlockSeconds,
                              .share_queues = true},
                             body);
}

TEST(NcclOrderTest, StreamsThatShareAQueueKeepEachOtherUp) {
  EXPECT_THAT(RunBothWays("1"),
              Contains(HasSubstr("has not come to Send of 3 float32")));
  EXPECT_THAT(RunBothWays("2"), IsEmpty());
}

class Graph {
 public:
  // Of what `body` enqueues on `origin` and on streams that join it.
  Graph(cudaStream_t origin, const std::function<void()>& body) {
    cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal);
    body();
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(origin, &graph), cudaSuccess);
    EXPECT_EQ(cudaGraphInstantiate(&exec_, graph, 0), cudaSuccess);
    cudaGraphDestroy(graph);
  }
  ~Graph() { cudaGraphExecDestroy(exec_); }
  Graph(const Graph&) = delete;
  void Launch(cudaStream_t stream) const {
    EXPECT_EQ(cudaGraphLaunch(exec_, stream), cudaSuccess);
  }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

RingStep Captured(const RingStep& step) {
  return [step](const RingPlace& at) {
    const Graph graph(at.self.stream, [&] {
      Order(at.self.stream, at.second);
      step(at);
      Order(at.second, at.self.stream);
    });
    for (int i = 0; i < 3; ++i) graph.Launch(at.self.stream);
    at.self.Finish();
  };
}

TEST(NcclOrderTest, TurnsAreTakenWithinAGraph) {
  EXPECT_THAT(RunRing(Captured(SendThenReceive), kDeadlockSeconds),
              ElementsAre(HasSubstr("behind it, in the order of the calls")));
  EXPECT_THAT(RunRing(Captured(InAGroup)), IsEmpty());
}

// A message each way, the first rank's reception posted ahead, recorded or not.
std::vector<std::string> RunAhead(bool recorded, int driver_version) {
  const Variable order("NCCL_LAUNCH_ORDER_IMPLICIT", "1");
  const auto body = [&](NcclRank& self, ncclComm_t back, cudaStream_t second) {
    const auto enqueue = [&] {
      Order(self.stream, second);
      if (self.rank == 0) {
        Receive(self, 1, back, second);
        Send(self, 1, self.comm, self.stream);
      } else {
        Receive(self, 0, self.comm, self.stream);
        Order(self.stream, second);
        Send(self, 0, back, second);
      }
      Order(second, self.stream);
    };
    if (!recorded) return enqueue();
    const Graph graph(self.stream, enqueue);
    graph.Launch(self.stream);
    Finish(self, second);
  };
  return RunTwoCommunicators({.devices = 2,
                              .collective_timeout_seconds = kDeadlockSeconds,
                              .driver_version = driver_version},
                             body);
}

TEST(NcclOrderTest, AnOldDriverWaitsForTheEndsOfEarlierOperations) {
  const auto never_ends =
      Contains(HasSubstr("ranks have waited too long for each other"));
  EXPECT_THAT(RunAhead(/*recorded=*/true, 12090), IsEmpty());
  EXPECT_THAT(RunAhead(/*recorded=*/true, 12080), never_ends);
  EXPECT_THAT(RunAhead(/*recorded=*/false, 12080), IsEmpty());
  EXPECT_THAT(RunAhead(/*recorded=*/false, 12020), never_ends);
}

// A message in a graph and a sum outside. What counts is when the graph is
// launched, not when it was captured.
std::vector<std::string> RunGraphAndCalls(bool opposite) {
  Options options = {.devices = 2};
  if (opposite) options.collective_timeout_seconds = kDeadlockSeconds;
  Machine machine(options);
  RunNcclRanks(2, [&](NcclRank& self) {
    const cudaStream_t second = SecondStream(self);
    const auto message = self.rank == 0 ? Send : Receive;
    const Graph graph(self.stream, [&] {
      message(self, 1 - self.rank, self.comm, self.stream);
    });
    const auto sum = [&] {
      ncclAllReduce(self.x, self.x, 8, ncclFloat32, ncclSum, self.comm, second);
    };
    const bool launch_first = opposite && self.rank == 0;
    for (int i = 0; i < 3; ++i) {
      if (!launch_first) sum();
      graph.Launch(self.stream);
      if (launch_first) sum();
    }
    Finish(self, second);
  });
  return machine.reports();
}

TEST(NcclOrderTest, TurnsAreTakenBetweenAGraphAndCalls) {
  EXPECT_THAT(RunGraphAndCalls(/*opposite=*/false), IsEmpty());
  EXPECT_THAT(RunGraphAndCalls(/*opposite=*/true),
              ElementsAre(HasSubstr("behind it, in the order of the calls")));
}

TEST(NcclOrderTest, ACommunicatorOutlivesGraphsOfItsOperations) {
  Machine machine({.devices = 2});
  RunNcclRanks(2, [](NcclRank& self) {
    {
      const Graph graph(self.stream, [&] { self.AllReduce(kCount); });
      graph.Launch(self.stream);
      self.Finish();
      EXPECT_EQ(ncclCommDestroy(self.comm), ncclInvalidUsage);
    }
    // RunNcclRanks() destroys it.
  });
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("a graph has operations of"),
                          HasSubstr("a graph has operations of")));
}

// Pools of events keep those that were last recorded in a capture.
TEST(NcclOrderTest, AnEventOfACaptureKeepsNoOperations) {
  Machine machine({.devices = 2});
  RunNcclRanks(2, [](NcclRank& self) {
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    const Graph graph(self.stream, [&] {
      self.AllReduce(kCount);
      cudaEventRecord(event, self.stream);
    });
    graph.Launch(self.stream);
    self.Finish();
  });
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(NcclOrderTest, AGroupIsInOneCaptureOrInNone) {
  Machine machine({});
  RunNcclRanks(1, [](NcclRank& self) {
    const cudaStream_t second = SecondStream(self);
    const Graph graph(self.stream, [&] {
      ncclGroupStart();
      self.AllReduce(8);
      ncclAllReduce(self.x, self.x, 8, ncclFloat32, ncclSum, self.comm, second);
      EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
    });
  });
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("not in one capture")));
}

}  // namespace
}  // namespace cogdist::vgpu
