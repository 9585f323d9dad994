// The shadow of a device's memory finds what streams do to it without waiting
// for each other, every time, and nothing where they wait.

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "cuda_runtime_api.h"
#include "gmock/gmock.h"
#include "nccl.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/test_kernels.h"

namespace cogdist::vgpu {
namespace {

using cuda::LaunchAdd;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kSeeds = 200;
constexpr int64_t kCount = 40;
constexpr int64_t kBytes = kCount * sizeof(float);

// Two streams, and memory that all know.
struct TwoStreams {
  TwoStreams() {
    for (cudaStream_t* stream : {&first, &second}) {
      EXPECT_EQ(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), 0);
    }
    for (float** buffer : {&x, &y, &z}) {
      void* memory = nullptr;
      EXPECT_EQ(cudaMalloc(&memory, kBytes), 0);
      *buffer = static_cast<float*>(memory);
      cudaMemsetAsync(memory, 0, kBytes, first);
    }
    EXPECT_EQ(cudaHostAlloc(&pinned, kBytes, cudaHostAllocDefault), 0);
    cudaStreamSynchronize(first);
  }
  static void Order(cudaStream_t from, cudaStream_t to) {
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaEventRecord(event, from);
    cudaStreamWaitEvent(to, event, 0);
    cudaEventDestroy(event);
  }
  static void Add(cudaStream_t stream, float* to, const float* from) {
    LaunchAdd(stream, {.to = to, .from = from, .count = kCount, .amount = 1});
  }
  void Finish() const {
    cudaStreamSynchronize(first);
    cudaStreamSynchronize(second);
  }

  cudaStream_t first = nullptr, second = nullptr;
  float *x = nullptr, *y = nullptr, *z = nullptr;
  void* pinned = nullptr;
};

// A communicator of one rank.
class Alone {
 public:
  Alone() {
    ncclUniqueId id;
    ncclGetUniqueId(&id);
    EXPECT_EQ(ncclCommInitRank(&comm_, 1, id, 0), ncclSuccess);
  }
  ~Alone() { ncclCommDestroy(comm_); }
  Alone(const Alone&) = delete;
  void AllReduce(float* x, cudaStream_t stream) const {
    EXPECT_EQ(ncclAllReduce(x, x, kCount, ncclFloat32, ncclSum, comm_, stream),
              ncclSuccess);
  }

 private:
  ncclComm_t comm_ = nullptr;
};

// What the first stream does, what has to wait for it, and what may come before
// both.
struct Case {
  const char* name;
  void (*earlier)(TwoStreams& two);
  void (*later)(TwoStreams& two);
  const char* parties;  // of the report: who and who
};

const Case kCases[] = {
    {"ReadAfterWrite",
     [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) { two.Add(two.second, two.z, two.y); },
     "by kernel .*Add.* on stream"},
    {"WriteAfterRead",
     [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) { two.Add(two.second, two.x, two.z); },
     "by kernel .*Add.* on stream"},
    {"WriteAfterTwoReads",
     [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) {
       two.Add(two.second, two.z, two.x);
       two.Add(two.second, two.x, two.z);
     },
     "by kernel .*Add.* on stream"},
    {"CopyToTheHost", [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) {
       cudaMemcpyAsync(two.pinned, two.y, kBytes, cudaMemcpyDefault,
                       two.second);
     },
     "cudaMemcpyAsync"},
    {"CopyFromTheHost",
     [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) {
       cudaMemcpyAsync(two.x, two.pinned, kBytes, cudaMemcpyDefault,
                       two.second);
     },
     "cudaMemcpyAsync"},
    {"CopyOnTheDevice",
     [](TwoStreams& two) {
       cudaMemcpyAsync(two.y, two.x, kBytes, cudaMemcpyDefault, two.first);
     },
     [](TwoStreams& two) { two.Add(two.second, two.x, two.z); },
     "cudaMemcpyAsync"},
    {"Memset", [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) { cudaMemsetAsync(two.y, 0, kBytes, two.second); },
     "cudaMemsetAsync"},
    {"Collective", [](TwoStreams& two) { two.Add(two.first, two.y, two.x); },
     [](TwoStreams& two) {
       const Alone alone;
       alone.AllReduce(two.y, two.second);
     },
     "ncclAllReduce"},
};

class StreamOrderTest : public testing::TestWithParam<Case> {};

TEST_P(StreamOrderTest, MissingWaitIsFound) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    Machine machine({.seed = static_cast<uint64_t>(seed), .max_pause_us = 50});
    TwoStreams two;
    GetParam().earlier(two);
    GetParam().later(two);
    two.Finish();
    const std::vector<std::string> reports = machine.reports();
    ASSERT_FALSE(reports.empty()) << "seed " << seed;
    EXPECT_THAT(reports[0],
                AllOf(HasSubstr("race"), ContainsRegex(GetParam().parties),
                      ContainsRegex("kernel .*Add"),
                      HasSubstr("which nothing orders with this"),
                      HasSubstr("stream 1"), HasSubstr("stream 2")));
  }
}

TEST_P(StreamOrderTest, OrderedWorkIsClean) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    Machine machine({.seed = static_cast<uint64_t>(seed), .max_pause_us = 50});
    TwoStreams two;
    GetParam().earlier(two);
    two.Order(two.first, two.second);
    GetParam().later(two);
    two.Finish();
    EXPECT_THAT(machine.reports(), IsEmpty()) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, StreamOrderTest, testing::ValuesIn(kCases),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Ways to wait other than an event between the streams.
TEST(HostOrderTest, WhatTheHostHasSeenIsDone) {
  using Wait = std::function<void(const TwoStreams&, cudaEvent_t)>;
  const Wait waits[] = {
      [](const TwoStreams& two, cudaEvent_t) {
        cudaStreamSynchronize(two.first);
      },
      [](const TwoStreams&, cudaEvent_t) { cudaDeviceSynchronize(); },
      [](const TwoStreams&, cudaEvent_t event) { cudaEventSynchronize(event); },
      [](const TwoStreams&, cudaEvent_t event) {
        while (cudaEventQuery(event) == cudaErrorNotReady) {
        }
      },
      [](const TwoStreams& two, cudaEvent_t) {
        while (cudaStreamQuery(two.first) == cudaErrorNotReady) {
        }
      },
      [](const TwoStreams& two, cudaEvent_t) {
        float pageable = 0;
        cudaMemcpyAsync(&pageable, two.y, 4, cudaMemcpyDefault, two.first);
      }};
  for (const Wait& wait : waits) {
    Machine machine({.seed = 5});
    TwoStreams two;
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    two.Add(two.first, two.y, two.x);
    cudaEventRecord(event, two.first);
    wait(two, event);
    two.Add(two.second, two.z, two.y);
    two.Finish();
    EXPECT_THAT(machine.reports(), IsEmpty());
    cudaEventDestroy(event);
  }
}

// The streams are joined at the graph's end; what matters is in between.
void RunGraph(TwoStreams& two, bool ordered) {
  cudaStreamBeginCapture(two.first, cudaStreamCaptureModeThreadLocal);
  two.Order(two.first, two.second);
  two.Add(two.first, two.y, two.x);
  if (ordered) two.Order(two.first, two.second);
  two.Add(two.second, two.z, two.y);
  two.Order(two.second, two.first);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(two.first, &graph), cudaSuccess);
  cudaGraphExec_t exec = nullptr;
  cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  for (int i = 0; i < 3; ++i) cudaGraphLaunch(exec, two.first);
  two.Finish();
  cudaGraphExecDestroy(exec);
}

TEST(GraphOrderTest, WithinAGraphAsOutside) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const bool ordered : {false, true}) {
      Machine machine(
          {.seed = static_cast<uint64_t>(seed), .max_pause_us = 50});
      TwoStreams two;
      RunGraph(two, ordered);
      EXPECT_EQ(machine.reports().empty(), ordered) << "seed " << seed;
      for (const std::string& report : machine.reports()) {
        EXPECT_THAT(report, HasSubstr("which nothing orders"));
      }
    }
  }
}

// NCCL keeps the order of a communicator's operations, but does not promise it.
TEST(NcclMemoryTest, TurnsOfACommunicatorOrderNothing) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const bool ordered : {false, true}) {
      Machine machine(
          {.seed = static_cast<uint64_t>(seed), .max_pause_us = 50});
      TwoStreams two;
      const Alone alone;
      alone.AllReduce(two.x, two.first);
      if (ordered) two.Order(two.first, two.second);
      alone.AllReduce(two.x, two.second);
      two.Finish();
      EXPECT_EQ(machine.reports().empty(), ordered) << "seed " << seed;
      EXPECT_THAT(machine.reports(),
                  Each(AllOf(HasSubstr("ncclAllReduce: race"),
                             HasSubstr("which nothing orders"))));
    }
  }
}

// That a group is one operation on all of its streams, it does.
TEST(NcclMemoryTest, AGroupOrdersItsStreams) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const bool grouped : {false, true}) {
      Machine machine(
          {.seed = static_cast<uint64_t>(seed), .max_pause_us = 50});
      TwoStreams two;
      const Alone alone;
      cudaMemsetAsync(two.x, 0, kBytes, two.second);
      if (grouped) ncclGroupStart();
      alone.AllReduce(two.x, two.first);
      alone.AllReduce(two.y, two.second);
      if (grouped) ncclGroupEnd();
      cudaMemsetAsync(two.x, 0, kBytes, two.second);
      two.Finish();
      EXPECT_EQ(machine.reports().empty(), grouped) << "seed " << seed;
      EXPECT_THAT(machine.reports(), Each(HasSubstr("which nothing orders")));
    }
  }
}

}  // namespace
}  // namespace cogdist::vgpu
