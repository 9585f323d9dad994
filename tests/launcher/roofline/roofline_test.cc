#include "launcher/roofline/roofline.h"

#include <cmath>

#include "gtest/gtest.h"
#include "launcher/roofline/attention_cost.h"

namespace cogdist {
namespace {

GpuSpec Gpu(absl::string_view name) { return *FindGpu(name); }

TEST(RooflineTest, ALargeProductIsBoundByTheTensorCores) {
  const Prediction prediction =
      Predict(MatMulCost({.m = 4096, .n = 4096, .k = 4096}), Gpu("A100"));
  EXPECT_EQ(prediction.bound, Bound::kProducts);
  EXPECT_NEAR(prediction.bound_seconds, 2 * std::pow(4096.0, 3) / 312e12, 1e-9);
  EXPECT_GT(prediction.seconds, prediction.bound_seconds);
}

TEST(RooflineTest, AThinProductIsBoundByMemory) {
  const Prediction prediction =
      Predict(MatMulCost({.m = 16, .n = 4096, .k = 4096}), Gpu("H100"));
  EXPECT_EQ(prediction.bound, Bound::kMemory);
  EXPECT_NEAR(prediction.bound_seconds,
              2.0 * (4096 * 4096 + 2 * 16 * 4096) / 3.35e12, 1e-12);
}

TEST(RooflineTest, Float32ProductsStayOffTheTensorCores) {
  const Prediction prediction = Predict(
      MatMulCost({.m = 4096, .n = 4096, .k = 4096, .type = DType::kFloat32}),
      Gpu("H100"));
  EXPECT_NEAR(prediction.bound_seconds, 2 * std::pow(4096.0, 3) / 66.9e12,
              1e-9);
}

TEST(RooflineTest, ElementwiseKernelsAreBoundByMemory) {
  const KernelCost cost = AdamWCost(1 << 28, /*bfloat16_weight=*/true);
  const Prediction prediction = Predict(cost, Gpu("H200"));
  EXPECT_EQ(prediction.bound, Bound::kMemory);
  EXPECT_NEAR(prediction.bound_seconds, 30.0 * (1 << 28) / 4.8e12, 1e-9);
  EXPECT_NEAR(prediction.seconds, prediction.bound_seconds / 0.9, 1e-5);
}

// 24.5 instructions an element, 128 a clock of a multiprocessor: for longer
// than its 4 bytes in bfloat16 take only where memory is fastest.
TEST(RooflineTest, GeluIsBoundByItsInstructionsOnBlackwell) {
  const KernelCost cost = GeluForwardCost(16384, 5632, DType::kBFloat16);
  for (const char* gpu : {"A100", "H100", "H200"}) {
    EXPECT_EQ(Predict(cost, Gpu(gpu)).bound, Bound::kMemory) << gpu;
  }
  const Prediction prediction = Predict(cost, Gpu("B200"));
  const double seconds =
      24.5 * 16384 * 5632 / (128 * Gpu("B200").ClocksPerSecond());
  EXPECT_EQ(prediction.bound, Bound::kInstructions);
  EXPECT_NEAR(prediction.bound_seconds, seconds, 1e-9);
  EXPECT_NEAR(prediction.seconds, seconds, 1e-5);
}

// With a head dimension of 8 there is an exponential, a sixteenth of a clock,
// to 32 FLOP, a 64th of a clock on an A100.
TEST(RooflineTest, NarrowHeadsAreBoundByExponentials) {
  const KernelCost cost = AttentionForwardCost(
      {.heads = 64,
       .kv_heads = 64,
       .seq = 8192,
       .head_dim = 8,
       .causal = false},
      kCogMmaSync, CogInstructions(GpuArchitecture::kSm80));
  const Prediction prediction = Predict(cost, Gpu("A100"));
  EXPECT_EQ(prediction.bound, Bound::kExponentials);
  EXPECT_NEAR(prediction.bound_seconds,
              64.0 * 8192 * 8192 / (16 * 108 * 1.41e9), 1e-9);
}

TEST(RooflineTest, MmaSyncDoesNotReachHoppersPeak) {
  const AttentionShape shape = {.heads = 16,
                                .kv_heads = 16,
                                .seq = 16384,
                                .head_dim = 128,
                                .causal = false};
  const GpuSpec h100 = Gpu("H100");
  const KernelCost mma =
      AttentionForwardCost(shape, kCogMmaSync, kCogInstructionsSm90);
  const KernelCost wgmma =
      AttentionForwardCost(shape, kFlashAttention3, kCogInstructionsSm90);
  const double ratio =
      Predict(wgmma, h100).bound_seconds / Predict(mma, h100).bound_seconds;
  EXPECT_NEAR(ratio, 0.62, 0.001);
  EXPECT_LT(Predict(wgmma, h100).seconds, Predict(mma, h100).seconds);
}

TEST(RooflineTest, EveryInstructionOfAScoreCosts) {
  const AttentionShape shape = {
      .heads = 16, .kv_heads = 16, .seq = 16384, .head_dim = 64};
  const auto seconds = [&](const ScoreInstructions& instructions) {
    return Predict(AttentionForwardCost(shape, kCogMmaSync, instructions),
                   Gpu("H100"))
        .seconds;
  };
  EXPECT_LT(seconds({.forward = 4.5}), seconds(kCogInstructionsSm90));
  EXPECT_LT(seconds(kCogInstructionsSm90), seconds(kCogInstructionsSm80));
}

// One tile more than there are multiprocessors takes a second wave.
TEST(RooflineTest, ProductsRunInWaves) {
  const GpuSpec gpu = Gpu("H100");
  const auto seconds = [&](int64_t rows_of_tiles, int64_t tiles_in_row) {
    return Predict(MatMulCost({.m = 128 * rows_of_tiles,
                               .n = 128 * tiles_in_row,
                               .k = 16384}),
                   gpu)
        .seconds;
  };
  const double full = seconds(11, 12), one_more = seconds(7, 19);
  EXPECT_GT(one_more, 1.9 * full);
  EXPECT_NEAR(one_more, seconds(12, 22), 1e-12);
}

// bfloat16 on an H100: XLA's table of measured products, openxla/xla,
// xla/service/gpu/model/matmul_interpolator_data.h, of one matrix.
TEST(RooflineTest, ProductsAgreeWithMeasurements) {
  struct Anchor {
    int64_t m, n, k;
    double tflops;
  };
  const Anchor anchors[] = {
      {4096, 4096, 1024, 677.4}, {4096, 4096, 2048, 738.7},
      {4096, 2048, 4096, 758.4}, {2048, 2048, 4096, 738.0},
      {4096, 1024, 4096, 738.5}, {4096, 2048, 1024, 593.2},
      {2048, 1024, 4096, 653.1}, {4096, 512, 4096, 650.0},
      {1024, 4096, 1024, 490.3}, {2048, 2048, 1024, 493.9},
  };
  double mean = 0;
  for (const auto& [m, n, k, tflops] : anchors) {
    const KernelCost cost = MatMulCost({.m = m, .n = n, .k = k});
    const double predicted =
        cost.flops / Predict(cost, Gpu("H100")).seconds / 1e12;
    EXPECT_NEAR(predicted / tflops, 1, 0.08) << m << " " << n << " " << k;
    mean += std::abs(predicted / tflops - 1) / std::size(anchors);
  }
  EXPECT_LT(mean, 0.045);
}

}  // namespace
}  // namespace cogdist
