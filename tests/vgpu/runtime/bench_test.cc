// The benchmarks of kernels and collectives on virtual GPUs, whose reports say
// when a host's pointer is taken for a device's. Their times mean nothing.

#include <memory>

#include "gmock/gmock.h"
#include "kernels/matmul_peak.h"
#include "launcher/bench/collective_benchmarks.h"
#include "launcher/bench/kernel_benchmarks.h"
#include "parallel/gpu_backend.h"
#include "proto/run_config.pb.h"
#include "tests/testing/gpu.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using testing::CreateGpu;
using ::testing::IsEmpty;
using testing::RunGpuRankContexts;
using vgpu::Machine;

TEST(BenchOnGpuTest, TheGemmRateTakesMemoryAndGivesItBack) {
  Machine machine({});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  for (const DType type : {DType::kFloat32, DType::kBFloat16}) {
    const auto stream = device->CreateStream();
    const auto rate = MeasureGemmFlops(*stream, type);
    ASSERT_TRUE(rate.ok()) << rate.status();
    EXPECT_GT(*rate, 0);
  }
  EXPECT_EQ(device->memory().current_bytes, 0);
  EXPECT_THAT(machine.reports(), IsEmpty());
}

TEST(BenchOnGpuTest, WithoutRoomThereIsNoRate) {
  Machine machine({.memory_bytes = 1000});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  const auto stream = device->CreateStream();
  EXPECT_EQ(MeasureGemmFlops(*stream, DType::kFloat32).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// How many rows a part of the benchmarks has.
size_t NumRows(decltype(BenchmarkProducts)& part) {
  Machine machine({.seed = 3});
  const std::unique_ptr<Device> device = CreateGpu(*CogdistGpuBackend());
  size_t rows = 0;
  {
    const auto stream = device->CreateStream();
    KernelTimer timer(*stream, {.gemm_flops = 1, .copy_bytes = 1}, 0);
    const KernelShapes shapes = {.tokens = 16,
                                 .rows = 16,
                                 .hidden = 8,
                                 .ffn = 24,
                                 .vocab = 40,
                                 .parameters = 100,
                                 .head_dims = {8}};
    const absl::Status status = part(shapes, DType::kBFloat16, timer);
    EXPECT_TRUE(status.ok()) << status;
    rows = timer.rows().size();
  }
  EXPECT_THAT(machine.reports(), IsEmpty());
  return rows;
}

TEST(BenchOnGpuTest, Kernels) {
  EXPECT_EQ(NumRows(BenchmarkProducts), 15u);
  EXPECT_EQ(NumRows(BenchmarkNorms), 4u);
  EXPECT_EQ(NumRows(BenchmarkElementwise), 12u);
}

TEST(BenchOnGpuTest, Collectives) {
  Machine machine({.devices = 2, .seed = 7});
  RunGpuRankContexts(*CogdistGpuBackend(), 2, ParallelConfig(),
                     [](RankContext& context) {
                       const auto rows = BenchmarkCollectives(context, {1000});
                       ASSERT_TRUE(rows.ok()) << rows.status();
                       EXPECT_EQ(rows->size(), 5u);
                       for (const BenchmarkRow& row : *rows)
                         EXPECT_GT(row.rate, 0) << row.what;
                       context.groups.world->Barrier();
                     });
  EXPECT_THAT(machine.reports(), IsEmpty());
}

}  // namespace
}  // namespace cogdist
