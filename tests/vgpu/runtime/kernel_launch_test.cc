// Kernels on virtual streams, beside copies, in graphs, and what happens to
// those that go wrong.

#include <algorithm>
#include <utility>
#include <vector>

#include "cuda_runtime_api.h"
#include "gmock/gmock.h"
#include "kernels/cuda/launch_failed.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/test_kernels.h"

namespace cogdist::vgpu {
namespace {

using cuda::LaunchAdd;
using cuda::LaunchAddSharing;
using cuda::LaunchTooLarge;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kCount = 100;  // three blocks and a bit
constexpr int64_t kBytes = kCount * sizeof(float);

float* Allocate() {
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, kBytes), cudaSuccess);
  return static_cast<float*>(memory);
}

float* AllocatePinned() {
  void* memory = nullptr;
  EXPECT_EQ(cudaHostAlloc(&memory, kBytes, cudaHostAllocDefault), cudaSuccess);
  return static_cast<float*>(memory);
}

cudaStream_t MakeStream() {
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
            cudaSuccess);
  return stream;
}

// What `after` has now happens before what `before` gets from now on.
void Order(cudaStream_t after, cudaStream_t before) {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  EXPECT_EQ(cudaEventRecord(event, after), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(before, event, 0), cudaSuccess);
  cudaEventDestroy(event);
}

std::vector<float> ReadBack(const float* x, cudaStream_t stream) {
  std::vector<float> values(kCount);
  EXPECT_EQ(
      cudaMemcpyAsync(values.data(), x, kBytes, cudaMemcpyDefault, stream),
      cudaSuccess);
  return values;
}

TEST(KernelLaunchTest, TakesItsTurnAmongCopies) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Machine machine({.seed = seed});
    const cudaStream_t first = MakeStream(), second = MakeStream();
    float* const x = Allocate();
    float* const y = Allocate();
    cudaMemsetAsync(x, 0, kBytes, first);
    for (int i = 1; i <= 10; ++i) {
      LaunchAdd(first, {.to = y, .from = x, .count = kCount, .amount = 1});
      Order(first, second);
      cudaMemcpyAsync(x, y, kBytes, cudaMemcpyDeviceToDevice, second);
      Order(second, first);
    }
    EXPECT_THAT(ReadBack(x, first), Each(10));
    EXPECT_THAT(machine.reports(), IsEmpty());
    EXPECT_EQ(machine.calls("cudaLaunchKernel"), 10);
    cudaFree(x);
    cudaFree(y);
  }
}

TEST(KernelLaunchTest, ItsArgumentsAreThoseOfTheCall) {
  Machine machine({.lazy = true});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  {
    cuda::AddArgs args = {.to = x, .from = x, .count = kCount, .amount = 1};
    LaunchAdd(stream, args);
    args.amount = 10;
    LaunchAdd(stream, args);
    args = {};
  }
  EXPECT_THAT(ReadBack(x, stream), Each(11));
}

TEST(KernelLaunchTest, GraphsRunItAgain) {
  Machine machine({.seed = 3});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
            cudaSuccess);
  LaunchAdd(stream, {.to = x, .from = x, .count = kCount, .amount = 1});
  LaunchAdd(stream, {.to = x, .from = x, .count = kCount, .amount = 2});
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_THAT(ReadBack(x, stream), Each(0)) << "captured work was done";
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  cudaGraphDestroy(graph);
  for (int i = 1; i <= 5; ++i) {
    ASSERT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
    EXPECT_THAT(ReadBack(x, stream), Each(3 * i));
  }
  cudaGraphExecDestroy(exec);
  EXPECT_EQ(machine.calls("cudaLaunchKernel"), 2);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(KernelLaunchTest, AFaultIsReportedAndBreaksTheDevice) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  LaunchAdd(stream, {.to = x, .from = x, .count = kCount + 1, .amount = 1});
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_THAT(
      machine.reports(),
      ElementsAre(AllOf(
          HasSubstr("out of bounds: read of 4 bytes at offset 400 of 'a block "
                    "of 400 bytes'"),
          HasSubstr("kernel cogdist::cuda::(anonymous namespace)::Add("),
          HasSubstr("block (3, 0, 0)"),
          HasSubstr("thread 4 (warp 0, lane 4) at tests/vgpu/runtime/"
                    "test_kernels.cu:"),
          HasSubstr("on device 0, stream 1"))));
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorLaunchFailure);
}

TEST(KernelLaunchTest, ReadsOfFreedMemoryAreFound) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  float* const y = Allocate();
  cudaFree(y);
  LaunchAdd(stream, {.to = x, .from = y, .count = kCount, .amount = 1});
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("use after free")));
}

TEST(KernelLaunchTest, TheShadowKnowsWhatCopiesWrite) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  float* const y = Allocate();
  float* const host = AllocatePinned();
  std::fill_n(host, kCount, 5);
  cudaMemcpyAsync(x, host, kBytes / 2, cudaMemcpyHostToDevice, stream);
  cudaMemcpyAsync(y, x, kBytes, cudaMemcpyDeviceToDevice, stream);
  LaunchAdd(stream, {.to = x, .from = y, .count = kCount / 2, .amount = 1});
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_THAT(machine.reports(), IsEmpty());
  LaunchAdd(stream, {.to = x, .from = y, .count = kCount, .amount = 1});
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr("uninitialised read: read of byte")));
}

TEST(KernelLaunchTest, TheHostReadsWhatWasWritten) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes - 4, stream);
  ReadBack(x, stream);
  EXPECT_THAT(machine.reports(),
              ElementsAre(HasSubstr(
                  "cudaMemcpyAsync: uninitialised read: read of byte 396 "
                  "of a block of 400 bytes\n  on device 0, "
                  "stream 1")));
}

TEST(KernelLaunchTest, WithoutChecksItRunsTheSame) {
  Machine machine({.check_kernels = false});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  LaunchAdd(stream, {.to = x, .from = x, .count = kCount, .amount = 1});
  EXPECT_THAT(ReadBack(x, stream), Each(1));
  EXPECT_THAT(machine.reports(), IsEmpty());
}

// As much as blocks have on GPUs of such a compute capability, and no more.
TEST(KernelLaunchDeathTest, SharedMemoryEndsByComputeCapability) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const auto& [capability, bytes] : {std::pair(80, 166912),
                                          {86, 101376},
                                          {89, 101376},
                                          {90, 232448},
                                          {100, 232448},
                                          {120, 101376}}) {
    SCOPED_TRACE(capability);
    const auto launch = [&](int shared_bytes) {
      Machine machine({.compute_capability = capability});
      int value = 0;
      cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin,
                             0);
      EXPECT_EQ(value, bytes);
      LaunchAddSharing(MakeStream(), {.count = 1}, shared_bytes);
    };
    EXPECT_DEATH(launch(bytes + 1), "a launch that the device does not take");
  }
}

TEST(KernelLaunchTest, BlocksHaveAllTheSharedMemoryThereIs) {
  Machine machine({.compute_capability = 86});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  LaunchAddSharing(stream, {.to = x, .from = x, .count = kCount, .amount = 1},
                   101376);
  EXPECT_THAT(ReadBack(x, stream), Each(1));
  EXPECT_THAT(machine.reports(), IsEmpty());
  cudaFree(x);
}

// What the back end for nvcc says.
TEST(KernelLaunchDeathTest, RefusedSharedMemoryIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(cuda::SharedMemoryRefused(140032, 101376, "invalid argument"),
               "cudaFuncSetAttribute failed: invalid argument: the kernel "
               "wants 140032 bytes of shared memory a block, and this GPU has "
               "101376");
}

TEST(KernelLaunchDeathTest, FailedAndImpossibleLaunchesEndTheRank) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Machine machine({});
        machine.FailCall("cudaLaunchKernel", 2, cudaErrorLaunchFailure);
        for (int i = 0; i < 2; ++i) LaunchAdd(MakeStream(), {.count = 1});
      },
      "kernel launch failed: earlier work has failed");
  EXPECT_DEATH(
      {
        Machine machine({});
        LaunchTooLarge(MakeStream(), {.count = 1});
      },
      "kernel launch failed: a launch that the device does not take");
  EXPECT_DEATH(
      {
        Machine machine({.devices = 2});
        const cudaStream_t stream = MakeStream();
        cudaSetDevice(1);
        LaunchAdd(stream, {.count = 1});
      },
      "kernel launch failed: invalid resource handle");
}

TEST(PageableCopyTest, TheHostWaitsForItsBytes) {
  Machine machine({.lazy = true});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  cudaMemsetAsync(x, 0, kBytes, stream);
  LaunchAdd(stream, {.to = x, .from = x, .count = kCount, .amount = 1});
  EXPECT_EQ(machine.host_waits(), 0);
  EXPECT_THAT(ReadBack(x, stream), Each(1));
  EXPECT_EQ(machine.host_waits(), 1);
  cudaMemcpyAsync(AllocatePinned(), x, kBytes, cudaMemcpyDefault, stream);
  EXPECT_EQ(machine.host_waits(), 1);
  cudaStreamSynchronize(stream);
  EXPECT_EQ(machine.host_waits(), 2);
}

TEST(PageableCopyTest, TheDeviceGetsTheBytesOfTheCall) {
  Machine machine({.lazy = true});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  std::vector<float> values(kCount, 3);
  cudaMemcpyAsync(x, values.data(), kBytes, cudaMemcpyDefault, stream);
  values.assign(kCount, 4);
  EXPECT_THAT(ReadBack(x, stream), Each(3));
  EXPECT_EQ(machine.host_waits(), 2);
}

TEST(PageableCopyTest, CapturesRefuseIt) {
  Machine machine({});
  const cudaStream_t stream = MakeStream();
  float* const x = Allocate();
  std::vector<float> values(kCount);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(
      cudaMemcpyAsync(x, values.data(), kBytes, cudaMemcpyDefault, stream),
      cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph),
            cudaErrorStreamCaptureInvalidated);
  EXPECT_THAT(machine.reports(), ElementsAre(HasSubstr("not pinned")));
}

}  // namespace
}  // namespace cogdist::vgpu
