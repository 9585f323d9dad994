// The benchmarks at tiny shapes: which kernels there are, and that rows are of
// the work that was done. No time is asserted.

#include "launcher/bench/kernel_benchmarks.h"

#include <cmath>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "launcher/bench/device_tensors.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

KernelShapes TinyShapes() {
  return {.tokens = 32,
          .rows = 24,
          .hidden = 128,
          .ffn = 48,
          .vocab = 40,
          .parameters = 5000,
          .seqs = {16},
          .head_dims = {32}};
}

std::vector<BenchmarkRow> TinyRows() {
  CpuDevice device;
  const auto stream = device.CreateStream();
  const auto rows = BenchmarkKernels(*stream, TinyShapes(), 0);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.value_or(std::vector<BenchmarkRow>());
}

TEST(KernelBenchmarksTest, MeasureEveryKernelInBothPrecisions) {
  std::set<std::string> names;
  for (const BenchmarkRow& row : TinyRows()) {
    names.insert(row.what);
    EXPECT_TRUE(std::isfinite(row.rate) && row.rate > 0) << row.what;
    EXPECT_TRUE(std::isfinite(row.share) && row.share > 0) << row.what;
    EXPECT_EQ(row.share_of, row.unit == "FLOP" ? "GEMM" : "copy") << row.what;
  }
  for (const std::string type : {"float32", "bfloat16"}) {
    for (const std::string kernel :
         {"GEMM ", "rmsnorm forward ", "rmsnorm backward ",
          "layernorm forward ", "layernorm backward ", "rope ",
          "swiglu forward ", "swiglu backward ", "gelu forward ",
          "gelu backward ", "embedding forward ", "embedding backward ",
          "cross-entropy ", "adamw ", "add ", "column sum "}) {
      EXPECT_THAT(names, Contains(kernel + type));
    }
    EXPECT_THAT(names, Contains("attention forward " + type + " d32 T16"));
    EXPECT_THAT(names, Contains("attention backward " + type + " d32 T16"));
    EXPECT_THAT(names, Contains("matmul " + type + " gate_up, forward"));
    EXPECT_THAT(names, Contains("matmul " + type + " down, input gradient"));
    EXPECT_THAT(names, Contains("matmul " + type + " head, weight gradient"));
  }
  EXPECT_THAT(names, Contains("copy"));
  EXPECT_THAT(names, Contains("gradient norm float32"));
  EXPECT_THAT(names, Contains("cast float32 to bfloat16"));
}

TEST(KernelTimerTest, TimesThreeBatchesAsLarge) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  int calls = 0;
  EXPECT_GT(SecondsOfACall(*stream, 0, [&] { ++calls; }), 0);
  constexpr int kWarmUp = 2;
  EXPECT_GT(calls, kWarmUp);
  EXPECT_EQ((calls - kWarmUp) % 3, 0);
}

TEST(KernelTimerTest, ProductsAreInFlopAndOtherKernelsInBytes) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  KernelTimer timer(*stream, {.gemm_flops = 1e9, .copy_bytes = 1e6}, 0);
  timer.Time("product", MatMulCost({.m = 8, .n = 8, .k = 8}), [] {});
  timer.Time("sum", AddCost(100, DType::kFloat32), [] {});
  ASSERT_EQ(timer.rows().size(), 2u);
  EXPECT_EQ(timer.rows()[0].unit, "FLOP");
  EXPECT_DOUBLE_EQ(timer.rows()[0].share, timer.rows()[0].rate / 1e9);
  EXPECT_EQ(timer.rows()[1].unit, "byte");
  EXPECT_DOUBLE_EQ(timer.rows()[1].share, timer.rows()[1].rate / 1e6);
}

TEST(DeviceTensorsTest, FillWhatTheySay) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  DeviceTensors tensors(*stream);
  const TensorView normal = tensors.Normal(DType::kBFloat16, {100, 1000});
  const TensorView ids = tensors.Ids(1000, 7);
  const TensorView copy = tensors.Copy({1, 2, 3, 4, 5, 6}, {2, 3});
  ASSERT_TRUE(tensors.status().ok());
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < normal.num_elements(); ++i) {
    const auto x = static_cast<float>(normal.Data<BFloat16>()[i]);
    sum += x, squares += x * x;
  }
  EXPECT_NEAR(sum / normal.num_elements(), 0, 0.02);
  EXPECT_NEAR(squares / normal.num_elements(), 1, 0.02);
  std::set<int> seen(ids.Data<int32_t>(), ids.Data<int32_t>() + 1000);
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(copy.Data<float>()[5], 6);
}

TEST(DeviceTensorsTest, RunningOutOfMemoryIsAStatus) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  DeviceTensors tensors(*stream);
  EXPECT_FALSE(tensors.Zeros(DType::kFloat32, {int64_t{1} << 50}));
  EXPECT_FALSE(tensors.Normal(DType::kFloat32, {1}));
  EXPECT_EQ(tensors.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace cogdist
