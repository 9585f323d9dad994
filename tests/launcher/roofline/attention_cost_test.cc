// The model of fused attention against what has been published of
// FlashAttention-2 and 3, in TFLOP/s, and against counts by hand.

#include "launcher/roofline/attention_cost.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "launcher/roofline/roofline.h"

namespace cogdist {
namespace {

constexpr int64_t kSeqs[] = {1024, 2048, 4096, 8192, 16384};

constexpr ScoreInstructions kSoftmaxInstructions = {4.5, 5.0};

// FlashAttention-2 loses what kernels here are taken to lose, and computes the
// scores once in the backward pass.
constexpr AttentionDesign FlashAttention2() {
  AttentionDesign design = kCogMmaSync;
  design.backward_rows = 128;
  design.backward_products = 5;
  design.backward_passes = 1;
  return design;
}
constexpr AttentionDesign kFlashAttention2 = FlashAttention2();

enum class Passes { kForward, kBackward, kBoth };

struct Anchor {
  const char* source;
  const char* gpu;
  const AttentionDesign& design;
  Passes passes;
  int64_t head_dim;
  bool causal;
  double tflops[5];       // at kSeqs
  int64_t sequences = 0;  // 0: 16,384 tokens in all
};

// FA2: github.com/Dao-AILab/flash-attention, charts in the README. FA3: its
// charts for Hopper. #1589: an issue there, of a B200. tritonbench #171: a pull
// request at github.com/meta-pytorch/tritonbench, also of a B200.
const Anchor kMmaSyncAnchors[] = {
    {"FA2",
     "A100",
     kFlashAttention2,
     Passes::kBoth,
     64,
     true,
     {119, 140, 156, 165, 171}},
    {"FA2",
     "A100",
     kFlashAttention2,
     Passes::kBoth,
     128,
     true,
     {133, 155, 173, 182, 189}},
    {"FA2",
     "A100",
     kFlashAttention2,
     Passes::kBoth,
     64,
     false,
     {153, 162, 171, 175, 176}},
    {"FA2",
     "A100",
     kFlashAttention2,
     Passes::kBoth,
     128,
     false,
     {172, 187, 196, 201, 203}},
    {"FA2",
     "H100",
     kFlashAttention2,
     Passes::kBoth,
     64,
     true,
     {192, 232, 257, 273, 284}},
    {"FA2",
     "H100",
     kFlashAttention2,
     Passes::kBoth,
     128,
     true,
     {221, 265, 294, 308, 328}},
    {"FA3",
     "H100",
     kFlashAttention2,
     Passes::kForward,
     64,
     true,
     {229, 262, 284, 295, 299}},
    {"FA3",
     "H100",
     kFlashAttention2,
     Passes::kForward,
     128,
     true,
     {260, 298, 319, 333, 335}},
};
const Anchor kBlackwellAnchors[] = {
    {"#1589",
     "B200",
     kFlashAttention2,
     Passes::kForward,
     64,
     false,
     {359, 381, 307, 343, 379}},
    {"#1589",
     "B200",
     kFlashAttention2,
     Passes::kBackward,
     64,
     false,
     {281, 302, 315, 329, 334}},
    {"tritonbench #171",
     "B200",
     kFlashAttention2,
     Passes::kForward,
     128,
     false,
     {315, 352, 354, 362, 331},
     /*sequences=*/8},
};
const Anchor kWgmmaAnchors[] = {
    {"FA3",
     "H100",
     kFlashAttention3,
     Passes::kForward,
     64,
     true,
     {265, 371, 420, 460, 473}},
    {"FA3",
     "H100",
     kFlashAttention3,
     Passes::kForward,
     128,
     true,
     {423, 521, 579, 602, 616}},
    {"FA3",
     "H100",
     kFlashAttention3,
     Passes::kForward,
     64,
     false,
     {392, 460, 476, 496, 497}},
    {"FA3",
     "H100",
     kFlashAttention3,
     Passes::kForward,
     128,
     false,
     {565, 625, 638, 646, 648}},
};

AttentionShape ShapeOf(const Anchor& anchor, int64_t seq) {
  const int64_t heads = 2048 / anchor.head_dim;
  return {.batch = anchor.sequences > 0 ? anchor.sequences : 16384 / seq,
          .heads = heads,
          .kv_heads = heads,
          .seq = seq,
          .head_dim = anchor.head_dim,
          .causal = anchor.causal};
}

double PredictedTflops(const Anchor& anchor, int64_t seq) {
  const GpuSpec gpu = *FindGpu(anchor.gpu);
  const AttentionShape shape = ShapeOf(anchor, seq);
  double flops = 0, seconds = 0;
  const auto add = [&](const KernelCost& cost) {
    flops += cost.flops;
    seconds += Predict(cost, gpu).seconds;
  };
  if (anchor.passes != Passes::kBackward) {
    add(AttentionForwardCost(shape, anchor.design, kSoftmaxInstructions));
  }
  if (anchor.passes != Passes::kForward) {
    add(AttentionBackwardCost(shape, anchor.design, kSoftmaxInstructions));
  }
  return flops / seconds / 1e12;
}

struct Errors {
  double mean = 0, largest = 0;
};

template <size_t kCount>
Errors ErrorsOn(const Anchor (&anchors)[kCount]) {
  Errors errors;
  for (const Anchor& anchor : anchors) {
    for (int i = 0; i < 5; ++i) {
      const double predicted = PredictedTflops(anchor, kSeqs[i]);
      const double error = std::abs(predicted / anchor.tflops[i] - 1);
      errors.mean += error / (5 * kCount);
      errors.largest = std::max(errors.largest, error);
    }
  }
  return errors;
}

// The errors that docs/performance.md states.
TEST(AttentionModelTest, FlashAttention2OnA100AndH100) {
  const Errors errors = ErrorsOn(kMmaSyncAnchors);
  EXPECT_LT(errors.mean, 0.03);
  EXPECT_LT(errors.largest, 0.06);
}

TEST(AttentionModelTest, FlashAttention2OnB200) {
  const Errors errors = ErrorsOn(kBlackwellAnchors);
  EXPECT_LT(errors.mean, 0.07);
  EXPECT_LT(errors.largest, 0.15);
}

TEST(AttentionModelTest, FlashAttention3OnH100) {
  const Errors errors = ErrorsOn(kWgmmaAnchors);
  EXPECT_LT(errors.mean, 0.04);
  EXPECT_LT(errors.largest, 0.14);
}

TEST(AttentionCostTest, CountsAFullForwardPassByHand) {
  const KernelCost cost = AttentionForwardCost({.batch = 2,
                                                .heads = 4,
                                                .kv_heads = 2,
                                                .seq = 256,
                                                .head_dim = 64,
                                                .causal = false},
                                               kCogMmaSync, {.forward = 5.5});
  const double scores = 2 * 4 * 256 * 256;
  EXPECT_EQ(cost.flops, scores * 4 * 64);
  EXPECT_EQ(cost.product_flops, cost.flops);
  EXPECT_EQ(cost.exponentials, scores);
  EXPECT_EQ(cost.instructions, scores * 5.5);
  // q and o of four heads, k and v of two, a float for each query and head.
  EXPECT_EQ(cost.bytes, 2 * 256 * (64 * 2 * (2 * 4 + 2 * 2) + 4 * 4));
}

TEST(AttentionCostTest, CausalBlocksComputeWholeTilesOnTheDiagonal) {
  const KernelCost cost = AttentionForwardCost({.seq = 256, .head_dim = 64},
                                               kCogMmaSync, {.forward = 5.5});
  EXPECT_EQ(cost.flops, 256 * 256 / 2 * 4 * 64);
  // One tile of 128 x 128 for the first block, two for the second.
  EXPECT_EQ(cost.product_flops, 3 * 128 * 128 * 4 * 64);
}

TEST(AttentionCostTest, TheBackwardPassOfTwoKernelsRepeatsTheScores) {
  const AttentionShape shape = {.seq = 128, .head_dim = 64, .causal = false};
  const KernelCost one =
      AttentionBackwardCost(shape, kFlashAttention2, {.backward = 6});
  const KernelCost two =
      AttentionBackwardCost(shape, kCogMmaSync, {.backward = 6});
  EXPECT_EQ(one.flops, 128 * 128 * 10 * 64);
  EXPECT_EQ(two.flops, one.flops);
  EXPECT_EQ(two.product_flops, one.product_flops * 7 / 5);
  EXPECT_EQ(two.exponentials, 2 * one.exponentials);
  EXPECT_EQ(two.instructions, 2 * 128 * 128 * 6);
}

TEST(AttentionCostTest, Sm80NeedsAnInstructionMore) {
  EXPECT_EQ(CogInstructions(GpuArchitecture::kSm80).forward, 6.5);
  EXPECT_EQ(CogInstructions(GpuArchitecture::kSm90).forward, 5.5);
  EXPECT_EQ(CogInstructions(GpuArchitecture::kSm100).backward, 6.0);
}

}  // namespace
}  // namespace cogdist
