// The production CUDA backend, unchanged, on virtual GPUs: device and streams,
// products, graphs, collectives, and what their errors say.

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda_runtime_api.h"
#include "gmock/gmock.h"
#include "kernels/matmul.h"
#include "parallel/partition.h"
#include "runtime/buffer.h"
#include "runtime/cuda/cuda_graph.h"
#include "runtime/host_buffer.h"
#include "runtime/range.h"
#include "tests/testing/gpu.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/nvtx.h"

namespace cogdist {
namespace {

using testing::CreateGpu;
using testing::GpuRank;
using testing::GpuTensor;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RunGpuRankContexts;
using testing::RunGpuRanks;
using vgpu::Machine;

TEST(CudaDeviceTest, PeakBytesAreTheDevicesOwn) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  {
    auto a = Buffer::Allocate(*device, 1000);
    auto b = Buffer::Allocate(*device, 24);
    ASSERT_TRUE(a.ok() && b.ok());
  }
  EXPECT_EQ(device->memory().peak_bytes, 1024);
  EXPECT_EQ(machine.memory(0).peak_bytes(), 1024);
  EXPECT_EQ(machine.memory(0).current_bytes(), 0);
}

TEST(CudaDeviceTest, OutOfMemoryNamesTheSizes) {
  Machine machine({.memory_bytes = 1000});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto buffer = Buffer::Allocate(*device, 1001);
  EXPECT_EQ(buffer.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(buffer.status().message(),
              HasSubstr("cannot allocate 1001 bytes of GPU 0's memory: 1000 of "
                        "1000 bytes are free"));
}

TEST(CudaDeviceTest, TellsWhatIsLeftAndWhereItIs) {
  Machine machine({.devices = 2, .memory_bytes = 1000});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend(), 1);
  const auto buffer = Buffer::Allocate(*device, 600);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(device->AvailableBytes(), 400);
  EXPECT_EQ(*CogdistGpuBackend()->place_of_device(1), "0000:01:00.0");
  EXPECT_NE(*CogdistGpuBackend()->place_of_device(0), "0000:01:00.0");
  EXPECT_FALSE(CogdistGpuBackend()->place_of_device(2).ok());
}

TEST(CudaDeviceTest, HostMemoryIsPinnedAndGivenBack) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  {
    auto buffer = HostBuffer::Allocate(*device, 1000);
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_EQ(machine.pinned().current_bytes(), 1000);
    auto empty = HostBuffer::Allocate(*device, 0);
    ASSERT_TRUE(empty.ok()) << empty.status();
    EXPECT_EQ(empty->As<float>().size(), 0u);
    EXPECT_EQ(device->memory().peak_bytes, 0);
  }
  EXPECT_EQ(machine.pinned().current_bytes(), 0);
  machine.FailCall("cudaHostAlloc", 1, cudaErrorMemoryAllocation);
  const auto failed = HostBuffer::Allocate(*device, 77);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(failed.status().message(), HasSubstr("77 bytes of pinned"));
}

TEST(CudaDeviceTest, NoSuchDevice) {
  Machine machine({.devices = 2});
  EXPECT_THAT(CogdistGpuBackend()->create_device(2).status().message(),
              HasSubstr("there is no GPU 2: this process can use 2"));
  EXPECT_EQ(*CogdistGpuBackend()->count_devices(), 2);
}

TEST(CudaDeviceTest, AGpuWithoutKernelsIsRefused) {
  Machine machine({.compute_capability = 75});
  const auto device = CogdistGpuBackend()->create_device(0);
  EXPECT_EQ(device.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(device.status().message(),
              HasSubstr("GPU 0 has compute capability 7.5, but the kernels "
                        "want 8.0 or later"));
}

TEST(CudaDeviceTest, TellsWhatABlockCanShare) {
  Machine machine({.compute_capability = 86});
  EXPECT_EQ(CreateGpu(*CogdistGpuBackend())->SharedBytesPerBlock(), 101376);
}

TEST(CudaDeviceTest, AMachineWithoutDevices) {
  Machine machine({.devices = 0});
  EXPECT_EQ(*CogdistGpuBackend()->count_devices(), 0);
}

TEST(CudaDeviceTest, AnOldDriverIsNotNoDriver) {
  const auto count_with_driver = [](int version) {
    Machine machine({.driver_version = version});
    machine.FailCall("cudaGetDeviceCount", 1, cudaErrorInsufficientDriver);
    return CogdistGpuBackend()->count_devices();
  };
  const absl::StatusOr<int> none = count_with_driver(0);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(*none, 0);
  const absl::Status old = count_with_driver(12080).status();
  EXPECT_EQ(old.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(old.message(),
              HasSubstr("driver is one for CUDA 12.8, and cogdist was built "
                        "with CUDA 13.0; update the driver"));
}

TEST(CudaStreamTest, EventsOrderStreamsAndAreUsedAgain) {
  Machine machine({.seed = 5});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  {
    const auto first = device->CreateStream(), second = device->CreateStream();
    GpuTensor x(*device, DType::kFloat32, 3), y(*device, DType::kFloat32, 3);
    auto pinned = HostBuffer::Allocate(*device, 12);
    ASSERT_TRUE(pinned.ok());
    float* const host = static_cast<float*>(pinned->data());
    for (int i = 0; i < 50; ++i) {
      std::fill_n(host, 3, i);
      first->Copy(x.view().data, host, 12);
      second->Wait(first->Record());
      Copy(*second, y.view(), x.view());
      first->Wait(second->Record());
      first->Synchronize();
      ASSERT_EQ(y.Get(*second)[2], i);
    }
  }
  EXPECT_EQ(machine.calls("cudaEventCreateWithFlags"), 1);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(CudaStreamDeathTest, AFailedCallNamesItselfRankAndStep) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Machine machine({});
        const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
        const auto stream = device->CreateStream();
        CurrentRankTag().rank = 3;
        CurrentRankTag().step = 41;
        machine.FailCall("cudaStreamSynchronize", 1, cudaErrorLaunchFailure);
        stream->Synchronize();
      },
      "rank 3, step 41.*cudaStreamSynchronize.*cudaErrorLaunchFailure");
}

TEST(CudaDeviceTest, RangesNest) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const Range unseen(*device, "without a profiler");
  vgpu::RangeRecorder profiler;
  {
    const Range step(*device, "step");
    { const Range forward(*device, "forward"); }
    const Range backward(*device, std::string("backward"));
    EXPECT_EQ(profiler.open(), 2);
  }
  EXPECT_EQ(profiler.text(), "step(forward() backward())");
}

// c (m x n, in rows of row_c) against float64.
struct ProductCase {
  int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate, bias;
  DType input, output;
};

std::vector<float> RandomValues(std::mt19937& random, int64_t count) {
  std::vector<float> values(count);
  std::uniform_int_distribution<int> integers(-8, 8);  // exact in bfloat16
  for (float& value : values) value = integers(random) / 4.0F;
  return values;
}

void CheckProduct(Stream& stream, const ProductCase& p, std::mt19937& random) {
  // Rows are slices of wider ones.
  const auto rows_of = [&](int64_t rows, int64_t cols, bool transposed) {
    return transposed ? std::pair(cols, rows) : std::pair(rows, cols);
  };
  const auto [a_rows, a_cols] = rows_of(p.m, p.k, p.transpose_a);
  const auto [b_rows, b_cols] = rows_of(p.k, p.n, p.transpose_b);
  const int64_t gap = random() % 3;
  const auto make = [&](int64_t rows, int64_t cols, DType dtype) {
    return GpuTensor(stream.device(), dtype, rows * (cols + gap));
  };
  GpuTensor a = make(a_rows, a_cols, p.input),
            b = make(b_rows, b_cols, p.input), c = make(p.m, p.n, p.output);
  GpuTensor bias(stream.device(), p.output, p.n + gap);  // anywhere in memory
  const auto fill = [&](GpuTensor& x) {
    std::vector<float> values = RandomValues(random, x.view().num_elements());
    x.Set(stream, values);
    return values;
  };
  const std::vector<float> av = fill(a), bv = fill(b), cv = fill(c),
                           biases = fill(bias);
  const auto matrix = [&](const GpuTensor& x, int64_t rows, int64_t cols) {
    return x.view().Reshape({rows, cols + gap}).Slice(1, 0, cols);
  };
  MatMul(stream,
         {.c = matrix(c, p.m, p.n),
          .a = matrix(a, a_rows, a_cols),
          .b = matrix(b, b_rows, b_cols),
          .bias = p.bias ? bias.view().Slice(0, gap, p.n) : TensorView(),
          .transpose_a = p.transpose_a,
          .transpose_b = p.transpose_b,
          .accumulate = p.accumulate});
  const std::vector<float> result = c.Get(stream);
  const double tolerance = p.output == DType::kBFloat16 ? 0.01 : 1e-5;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n + gap; ++j) {
      const int64_t at = i * (p.n + gap) + j;
      double sum = p.accumulate || j >= p.n ? cv[at] : 0;
      if (p.bias && j < p.n) sum += biases[gap + j];
      for (int64_t l = 0; l < p.k && j < p.n; ++l) {
        const float x = p.transpose_a ? av[l * (a_cols + gap) + i]
                                      : av[i * (a_cols + gap) + l];
        const float y = p.transpose_b ? bv[j * (b_cols + gap) + l]
                                      : bv[l * (b_cols + gap) + j];
        sum += static_cast<double>(x) * y;
      }
      ASSERT_NEAR(result[at], sum, tolerance * (1 + std::abs(sum)))
          << p.m << " x " << p.k << " x " << p.n << " at " << i << ", " << j;
    }
  }
}

TEST(CudaMatMulTest, RandomShapesEqualFloat64) {
  Machine machine({.seed = 9, .max_pause_us = 20});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto stream = device->CreateStream();
  std::mt19937 random(17);
  constexpr DType kTypes[][2] = {{DType::kFloat32, DType::kFloat32},
                                 {DType::kBFloat16, DType::kFloat32},
                                 {DType::kBFloat16, DType::kBFloat16}};
  for (int i = 0; i < 200; ++i) {
    const auto size = [&] { return i % 7 == 0 ? 1 : 1 + random() % 40; };
    const ProductCase each = {.m = static_cast<int64_t>(size()),
                              .n = static_cast<int64_t>(size()),
                              .k = static_cast<int64_t>(size()),
                              .transpose_a = random() % 2 == 0,
                              .transpose_b = random() % 2 == 0,
                              .accumulate = random() % 2 == 0,
                              .bias = random() % 2 == 0,
                              .input = kTypes[i % 3][0],
                              .output = kTypes[i % 3][1]};
    CheckProduct(*stream, each, random);
  }
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(CudaMatMulTest, ShapesAreLookedUpOnce) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto stream = device->CreateStream();
  GpuTensor x(*device, DType::kFloat32, 64), y(*device, DType::kFloat32, 64);
  const auto product = [&] {
    const TensorView matrix = x.view().Reshape({8, 8});
    MatMul(*stream, {.c = y.view().Reshape({8, 8}), .a = matrix, .b = matrix});
  };
  product();
  const int64_t allocations = machine.calls("cudaMalloc");
  for (int i = 0; i < 10; ++i) product();
  EXPECT_EQ(machine.calls("cublasLtMatmulAlgoGetHeuristic"), 1);
  EXPECT_EQ(machine.calls("cudaMalloc"), allocations);
  EXPECT_EQ(machine.calls("cublasLtMatmul"), 11);
}

// The library is told how a bias lies in memory, not which it is.
TEST(CudaMatMulTest, BiasesShareAPlanIfTheyLieAlike) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto stream = device->CreateStream();
  GpuTensor x(*device, DType::kFloat32, 64), y(*device, DType::kFloat32, 64);
  GpuTensor bias(*device, DType::kFloat32, 64);
  std::vector<float> numbers(64);
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  bias.Set(*stream, numbers);
  x.Set(*stream, std::vector<float>(64, 1));
  for (const auto& [offset, plans] :
       {std::pair(0, 1), std::pair(16, 1), std::pair(1, 2), std::pair(2, 3),
        std::pair(7, 3)}) {
    const TensorView matrix = x.view().Reshape({8, 8});
    MatMul(*stream, {.c = y.view().Reshape({8, 8}),
                     .a = matrix,
                     .b = matrix,
                     .bias = bias.view().Slice(0, offset, 8)});
    EXPECT_EQ(y.Get(*stream)[5], 8 + offset + 5);
    EXPECT_EQ(machine.calls("cublasLtMatmulAlgoGetHeuristic"), plans);
  }
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(CudaGraphTest, ReplaysAProduct) {
  Machine machine({.seed = 2});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto stream = device->CreateStream();
  GpuTensor x(*device, DType::kFloat32, 1), y(*device, DType::kFloat32, 1);
  const auto body = [&] {
    const TensorView a = x.view().Reshape({1, 1});
    MatMul(*stream,
           {.c = y.view().Reshape({1, 1}), .a = a, .b = a, .accumulate = true});
  };
  x.Set(*stream, {3});
  y.Set(*stream, {0});
  body();  // takes its workspace
  auto graph = AsGpuStream(*stream).Capture(body);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(y.Get(*stream)[0], 9);
  x.Set(*stream, {2});
  (*graph)->Launch(AsGpuStream(*stream));
  (*graph)->Launch(AsGpuStream(*stream));
  EXPECT_EQ(y.Get(*stream)[0], 17);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

// Small integers, whose sums are exact in any order.
std::vector<float> Integers(int rank, int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) values[i] = (i * 7 + rank * 3) % 11 - 5;
  return values;
}
float IntegerSum(int size, int64_t i) {
  float sum = 0;
  for (int rank = 0; rank < size; ++rank) sum += (i * 7 + rank * 3) % 11 - 5;
  return sum;
}

void CheckParts(GpuRank& self, DType dtype, int64_t count,
                const std::vector<int64_t>& borders) {
  const int n = self.world.size();
  GpuTensor x(self.device, dtype, count);
  const std::vector<float> own = Integers(self.rank, count);
  x.Set(self.stream, own);
  self.world.ReduceScatterSum(self.stream, x.view(), borders);
  self.world.AllGather(self.stream, x.view(), borders);
  const std::vector<float> result = x.Get(self.stream);
  for (int64_t i = 0; i < count; ++i) {
    const bool inside = i >= borders.front() && i < borders.back();
    ASSERT_EQ(result[i], inside ? IntegerSum(n, i) : own[i]) << i;
  }
}

void CheckCollectives(GpuRank& self, DType dtype, int64_t count) {
  const int n = self.world.size();
  GpuTensor x(self.device, dtype, count), y(self.device, dtype, count);
  x.Set(self.stream, Integers(self.rank, count));
  self.world.AllReduceSum(self.stream, x.view());
  std::vector<float> result = x.Get(self.stream);
  for (int64_t i = 0; i < count; ++i) ASSERT_EQ(result[i], IntegerSum(n, i));

  x.Set(self.stream, Integers(self.rank, count));
  self.world.Broadcast(self.stream, x.view(), n - 1);
  EXPECT_EQ(x.Get(self.stream), Integers(n - 1, count));

  x.Set(self.stream, Integers(self.rank, count));
  self.world.SendRecv(self.stream, x.view(), (self.rank + 1) % n, y.view(),
                      (self.rank + n - 1) % n);
  EXPECT_EQ(y.Get(self.stream), Integers((self.rank + n - 1) % n, count));

  CheckParts(self, dtype, count, EvenBorders(count, n));
  std::vector<int64_t> uneven = EvenBorders(count - count / 8, n);
  if (n > 1) uneven[1] = uneven[0];
  CheckParts(self, dtype, count, uneven);
}

TEST(NcclCommunicatorTest, Collectives) {
  for (const int size : {2, 3, 4}) {
    Machine machine({.devices = size, .seed = 11, .max_pause_us = 50});
    RunGpuRanks(*CogdistGpuBackend(), size, [&](GpuRank& self) {
      for (const int64_t count : {0, 1, 2, 3, 4, 5, 64, 65, 1000}) {
        CheckCollectives(self, DType::kFloat32, count);
        CheckCollectives(self, DType::kBFloat16, count);
      }
    });
    EXPECT_THAT(machine.reports(), IsEmpty());
  }
}

TEST(NcclCommunicatorTest, AMaximumWithANanIsNan) {
  for (const int size : {2, 3}) {
    Machine machine({.devices = size, .seed = 4});
    RunGpuRanks(*CogdistGpuBackend(), size, [&](GpuRank& self) {
      constexpr float kInfinity = std::numeric_limits<float>::infinity();
      constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
      // Of rank 0, of rank 1, the maximum; further ranks are like rank 0.
      constexpr float kCases[][3] = {{1, 2, 2},
                                     {-3, -2, -2},
                                     {-1, 1, 1},
                                     {0, -0.0F, 0},
                                     {-1e-45F, -1, -1e-45F},
                                     {-kInfinity, -5, -5},
                                     {-kInfinity, -kInfinity, -kInfinity},
                                     {kInfinity, 3, kInfinity},
                                     {kNan, 1, kNan},
                                     {1, kNan, kNan},
                                     {1, -kNan, kNan},
                                     {-kNan, -kInfinity, kNan},
                                     {kInfinity, kNan, kNan}};
      std::vector<float> own;
      for (const auto& values : kCases) own.push_back(values[self.rank == 1]);
      GpuTensor x(self.device, DType::kFloat32, own.size());
      x.Set(self.stream, own);
      self.world.AllReduceMax(self.stream, x.view());
      const std::vector<float> result = x.Get(self.stream);
      for (size_t i = 0; i < own.size(); ++i) {
        const float expected = kCases[i][2];
        if (std::isnan(expected)) {
          EXPECT_TRUE(std::isnan(result[i])) << i << ": " << result[i];
        } else {
          EXPECT_EQ(result[i], expected) << i;
        }
      }
    });
    EXPECT_THAT(machine.reports(), IsEmpty());
  }
}

TEST(NcclCommunicatorTest, TrafficIsThatOfARing) {
  Machine machine({.devices = 3});
  RunGpuRanks(*CogdistGpuBackend(), 3, [](GpuRank& self) {
    GpuTensor x(self.device, DType::kFloat32, 10);
    x.Set(self.stream, Integers(self.rank, 10));
    self.world.AllReduceSum(self.stream, x.view());
    self.world.Broadcast(self.stream, x.view(), 1);
    double sent[] = {static_cast<double>(self.world.traffic().data_bytes)};
    self.world.AllReduceSumHost(absl::MakeSpan(sent));
    EXPECT_EQ(sent[0], (4 + 2) * 40);
  });
}

TEST(NcclCommunicatorTest, SplitsIntoReorderedGroups) {
  Machine machine({.devices = 4});
  RunGpuRanks(*CogdistGpuBackend(), 4, [](GpuRank& self) {
    const std::vector<int> odd = {3, 1}, even = {0, 2};
    const bool is_odd = self.rank % 2 == 1;
    auto group = self.world.Split(is_odd ? odd : even, "pair");
    ASSERT_TRUE(group.ok());
    EXPECT_EQ((*group)->rank(), is_odd ? (3 - self.rank) / 2 : self.rank / 2);
    GpuTensor x(self.device, DType::kFloat32, 1);
    x.Set(self.stream, {static_cast<float>(self.rank)});
    (*group)->AllReduceSum(self.stream, x.view(), SumOrder::kPairwise);
    EXPECT_EQ(x.Get(self.stream)[0], is_odd ? 4 : 2);
    auto alone = (*group)->Split({(*group)->rank()});
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ((*alone)->size(), 1);
    self.stream.Synchronize();
    (*group)->Barrier();
  });
  EXPECT_THAT(machine.reports(), IsEmpty());
}

// Of three ranks that share sequences out: the world has none, nor have groups
// of one.
TEST(NcclCommunicatorTest, OnlyGroupsThatCarryTensorsHaveNcclsCommunicators) {
  Machine machine({.devices = 3});
  RunGpuRankContexts(
      *CogdistGpuBackend(), 3, ParallelConfig(), [](RankContext& context) {
        const Communicators& groups = context.groups;
        EXPECT_EQ(groups.world->carries(), Communicator::Carries::kControl);
        EXPECT_EQ(groups.replicas->size(), 3);
        groups.world->Barrier();
      });
  EXPECT_EQ(machine.calls("ncclCommInitRank"), 3);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

// What two ranks get for a communicator.
std::vector<absl::Status> MakeCommunicators() {
  std::vector<absl::Status> made(2);
  ThreadHub hub(2);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      CpuDevice host_device;
      const std::unique_ptr<Device> device =
          CreateGpu(*CogdistGpuBackend(), rank);
      const auto world = CogdistGpuBackend()->create_communicator(
          std::make_unique<HostCommunicator>(hub.Connect(rank), host_device),
          *device);
      made[rank] = world.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return made;
}

TEST(NcclCommunicatorTest, WithoutAnIdAllRanksSaySo) {
  Machine machine({.devices = 2});
  machine.FailCall("ncclGetUniqueId", 1, 2);
  for (const absl::Status& made : MakeCommunicators()) {
    EXPECT_EQ(made.code(), absl::StatusCode::kUnavailable);
  }
}

TEST(NcclCommunicatorTest, AnOldNcclIsRefused) {
  const Machine machine({.devices = 2, .nccl_version = 22507});
  for (const absl::Status& made : MakeCommunicators()) {
    EXPECT_EQ(made.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(made.message(), AllOf(HasSubstr("NCCL 2.25.7 begins"),
                                      HasSubstr("install NCCL 2.26 or later")));
  }
}

// Its peer would wait for it within NCCL.
TEST(NcclCommunicatorDeathTest, WhoCannotJoinEnds) {
  const auto join = [] {
    Machine machine({.devices = 2});
    machine.FailCall("ncclCommInitRank", 1, 2);
    MakeCommunicators();
  };
  EXPECT_DEATH(join(),
               "rank .*ncclCommInitRank failed: unhandled system error");
}

TEST(GpuModuleTest, AMissingModuleIsNamed) {
  const auto backend = OpenGpuBackend("/nowhere/libcogdist_cuda.so");
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(backend.status().message(),
              HasSubstr("/nowhere/libcogdist_cuda.so"));
}

}  // namespace
}  // namespace cogdist
