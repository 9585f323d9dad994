// The virtual CUDA runtime: what it does right, and that it catches what is
// done wrong.

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_runtime_api.h"
#include "gmock/gmock.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

float* Allocate(int64_t count) {
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, count * sizeof(float)), cudaSuccess);
  return static_cast<float*>(memory);
}

cudaStream_t MakeStream() {
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
            cudaSuccess);
  return stream;
}

cudaEvent_t MakeEvent() {
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
            cudaSuccess);
  return event;
}

cudaError_t Copy(void* to, const void* from, int64_t bytes,
                 cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}

float ReadBack(const float* x, cudaStream_t stream) {
  float value = 0;
  EXPECT_EQ(Copy(&value, x, sizeof(value), stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  return value;
}

// Streams still wait for each other when the machine goes.
TEST(StreamTest, AllEndBeforeAnyGoes) {
  Machine machine({.delay_us = {{"cudaStreamWaitEvent", 50000}}});
  std::array<cudaStream_t, 4> streams;
  for (cudaStream_t& stream : streams) stream = MakeStream();
  for (const cudaStream_t from : streams) {
    const cudaEvent_t event = MakeEvent();
    EXPECT_EQ(cudaEventRecord(event, from), cudaSuccess);
    for (const cudaStream_t to : streams) {
      if (to == from) continue;
      EXPECT_EQ(cudaStreamWaitEvent(to, event, 0), cudaSuccess);
    }
    EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  }
}

TEST(MemoryTest, CountsBytesExactly) {
  Machine machine({});
  float* const a = Allocate(1000);
  float* const b = Allocate(1);
  EXPECT_EQ(machine.memory(0).current_bytes(), 4004);
  EXPECT_EQ(cudaFree(a), cudaSuccess);
  EXPECT_EQ(machine.memory(0).current_bytes(), 4);
  EXPECT_EQ(machine.memory(0).peak_bytes(), 4004);
  EXPECT_EQ(cudaFree(b), cudaSuccess);
  EXPECT_EQ(machine.memory(0).live_blocks(), 0);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(MemoryTest, RunsOutAtItsSize) {
  Machine machine({.memory_bytes = 4096});
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4097), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(cudaMalloc(&memory, 4096), cudaSuccess);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
  void* other = nullptr;
  EXPECT_EQ(cudaMalloc(&other, 1), cudaErrorMemoryAllocation);
}

TEST(MemoryTest, FreshMemoryIsNoNumber) {
  Machine machine({.check_kernels = false});
  EXPECT_TRUE(std::isnan(ReadBack(Allocate(1), MakeStream())));
}

TEST(MemoryTest, FindsUseAfterFree) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate(8);
  EXPECT_EQ(cudaFree(x), cudaSuccess);
  EXPECT_EQ(cudaMemsetAsync(x + 2, 0, 4, stream), cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("8 bytes into a block of 32 bytes of "
                                    "device 0 that was freed")));
}

TEST(MemoryTest, FreedMemoryCannotBeTouched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Machine machine({});
        float* const x = Allocate(1);
        cudaFree(x);
        *static_cast<volatile float*>(x) = 1;
      },
      "");
  EXPECT_DEATH(
      {
        Machine machine({});
        static_cast<volatile float*>(Allocate(64))[64] = 1;
      },
      "");
}

TEST(MemoryTest, FindsDoubleFree) {
  Machine machine({});
  float* const x = Allocate(8);
  EXPECT_EQ(cudaFree(x), cudaSuccess);
  EXPECT_EQ(cudaFree(x), cudaErrorInvalidValue);
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("was freed before")));
}

TEST(MemoryTest, FindsAnotherDevicesPointer) {
  Machine machine({.devices = 2});
  float* const x = Allocate(8);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  float* const y = Allocate(8);
  EXPECT_EQ(Copy(y, x, 32, MakeStream()), cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("is memory of device 0, on a stream of "
                                    "device 1")));
  cudaSetDevice(0);
}

TEST(MemoryTest, FindsAHostPointerWhereTheDeviceWorks) {
  Machine machine({});
  float x = 0;
  EXPECT_EQ(cudaMemsetAsync(&x, 0, 4, MakeStream()), cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("is host memory")));
}

TEST(MemoryTest, FindsWhatLeavesItsBlock) {
  Machine machine({});
  float* const x = Allocate(8);
  EXPECT_EQ(cudaMemsetAsync(x + 4, 0, 17, MakeStream()),
            cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("leaves a block of 32 bytes")));
}

TEST(MemoryTest, PinnedMemoryIsTheHosts) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  void* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, 4, cudaHostAllocDefault), cudaSuccess);
  *static_cast<float*>(pinned) = 5;
  float* const x = Allocate(1);
  EXPECT_EQ(cudaMemcpyAsync(x, pinned, 4, cudaMemcpyHostToDevice, stream),
            cudaSuccess);
  EXPECT_EQ(ReadBack(x, stream), 5);
  EXPECT_EQ(cudaMemcpyAsync(x, pinned, 4, cudaMemcpyDeviceToHost, stream),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(Copy(x, pinned, 4, stream), cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("pinned host memory that was freed")));
}

TEST(StreamTest, WorkWaitsForTheHost) {
  Machine machine({.lazy = true});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate(1);
  void* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, 4, cudaHostAllocDefault), cudaSuccess);
  float& to = *static_cast<float*>(pinned);
  const float from = 3;
  to = 0;
  Copy(x, &from, 4, stream);
  Copy(&to, x, 4, stream);
  EXPECT_EQ(to, 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(to, 3);
}

TEST(StreamTest, EventsOrderStreams) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Machine machine({.seed = seed});
    const cudaStream_t first = MakeStream(), second = MakeStream();
    const cudaEvent_t event = MakeEvent();
    float* const x = Allocate(1);
    const float from = static_cast<float>(seed);
    Copy(x, &from, 4, first);
    EXPECT_EQ(cudaEventRecord(event, first), cudaSuccess);
    EXPECT_EQ(cudaStreamWaitEvent(second, event, 0), cudaSuccess);
    EXPECT_EQ(ReadBack(x, second), from);
    EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
    cudaEventDestroy(event);
  }
}

TEST(StreamTest, AnEventThatWasNeverRecordedHasHappened) {
  Machine machine({});
  const cudaEvent_t event = MakeEvent();
  EXPECT_EQ(cudaStreamWaitEvent(MakeStream(), event, 0), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  cudaEventDestroy(event);
}

TEST(StreamTest, FindsDestroyedAndNullStreams) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaMemsetAsync(Allocate(1), 0, 4, nullptr),
            cudaErrorInvalidResourceHandle);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("destroyed"), HasSubstr("null stream")));
}

TEST(ControlTest, FailsTheCallThatItIsTold) {
  Machine machine({});
  machine.FailCall("cudaMalloc", 2, cudaErrorMemoryAllocation);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  EXPECT_EQ(machine.calls("cudaMalloc"), 3);
}

// x = x + 1 on the device, by way of the host.
struct Increment {
  float* x;
  static void Run(void* self) { *static_cast<Increment*>(self)->x += 1; }
};

TEST(GraphTest, ReplaysBothStreams) {
  Machine machine({.seed = 7});
  const cudaStream_t main = MakeStream(), side = MakeStream();
  const cudaEvent_t fork = MakeEvent(), join = MakeEvent();
  float* const x = Allocate(2);
  cudaMemsetAsync(x, 0, 8, main);
  Increment first = {x}, second = {x + 1};
  ASSERT_EQ(cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal),
            cudaSuccess);
  cudaLaunchHostFunc(main, Increment::Run, &first);
  cudaEventRecord(fork, main);
  cudaStreamWaitEvent(side, fork, 0);
  Copy(x + 1, x, 4, side);
  cudaLaunchHostFunc(side, Increment::Run, &second);
  cudaEventRecord(join, side);
  cudaStreamWaitEvent(main, join, 0);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(main, &graph), cudaSuccess);
  EXPECT_EQ(ReadBack(x, main), 0) << "captured work was done";

  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  cudaGraphDestroy(graph);
  for (int i = 1; i <= 20; ++i) {
    ASSERT_EQ(cudaGraphLaunch(exec, main), cudaSuccess);
    ASSERT_EQ(ReadBack(x + 1, main), i + 1);
  }
  cudaFree(x);
  EXPECT_EQ(cudaGraphLaunch(exec, main), cudaErrorIllegalAddress);
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("that was freed")));
  cudaGraphExecDestroy(exec);
  cudaEventDestroy(fork);
  cudaEventDestroy(join);
}

TEST(GraphTest, FindsAStreamThatIsNotJoined) {
  Machine machine({});
  const cudaStream_t main = MakeStream(), side = MakeStream();
  const cudaEvent_t fork = MakeEvent();
  float* const x = Allocate(1);
  cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal);
  cudaEventRecord(fork, main);
  cudaStreamWaitEvent(side, fork, 0);
  cudaMemsetAsync(x, 0, 4, side);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(main, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(cudaMemsetAsync(x, 0, 4, side), cudaSuccess);
  cudaEventDestroy(fork);
}

TEST(GraphTest, FindsWaitingAndAllocatingWithinACapture) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph),
            cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(machine.reports().size(), 2u);
}

TEST(GraphTest, FindsAnEventFromOutside) {
  Machine machine({});
  const cudaStream_t stream = MakeStream(), other = MakeStream();
  const cudaEvent_t event = MakeEvent();
  cudaEventRecord(event, other);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(cudaStreamWaitEvent(stream, event, 0),
            cudaErrorStreamCaptureIsolation);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph),
            cudaErrorStreamCaptureInvalidated);
  cudaEventDestroy(event);
}

}  // namespace
}  // namespace cogdist::vgpu
