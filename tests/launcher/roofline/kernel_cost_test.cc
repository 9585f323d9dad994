// Work and traffic against counts by hand.

#include "launcher/roofline/kernel_cost.h"

#include "gtest/gtest.h"
#include "launcher/roofline/kernel_shapes.h"

namespace cogdist {
namespace {

constexpr DType kNarrow = DType::kBFloat16, kWide = DType::kFloat32;

TEST(KernelCostTest, Products) {
  const KernelCost cost =
      MatMulCost({.m = 300, .n = 256, .k = 64, .result = kNarrow});
  EXPECT_EQ(cost.flops, 2.0 * 300 * 256 * 64);
  EXPECT_EQ(cost.bytes, 2 * (300 * 64 + 64 * 256 + 300 * 256));
  EXPECT_EQ(cost.product_tiles, 3 * 2);
  EXPECT_EQ(cost.path, ProductPath::kLibrary);
}

TEST(KernelCostTest, AccumulatedResultsAreReadAndWritten) {
  const KernelCost cost = MatMulCost({.m = 8,
                                      .n = 4,
                                      .k = 2,
                                      .type = kWide,
                                      .result = kWide,
                                      .accumulate = true});
  EXPECT_EQ(cost.bytes, 4 * (8 * 2 + 2 * 4 + 2 * 8 * 4));
  EXPECT_EQ(cost.path, ProductPath::kLibraryFloat32);
}

TEST(KernelCostTest, ElementwiseTraffic) {
  // x, residual, sum and y, a gain, a float for each row.
  EXPECT_EQ(RmsNormForwardCost(10, 64, kNarrow).bytes,
            4 * 10 * 64 * 2 + 64 * 2 + 10 * 4);
  // dy, x, residual_gradient and dx; the gain; its gradient, read and written.
  EXPECT_EQ(RmsNormBackwardCost(10, 64, kWide).bytes,
            4 * 10 * 64 * 4 + 64 * 4 + 2 * 64 * 4 + 10 * 4);
  // x, residual, sum and y; gain and bias; two floats for each row.
  EXPECT_EQ(LayerNormForwardCost(10, 64, kNarrow).bytes,
            4 * 10 * 64 * 2 + 2 * 64 * 2 + 2 * 10 * 4);
  // dy, x, residual_gradient and dx; the gain; two gradients, read and written.
  EXPECT_EQ(LayerNormBackwardCost(10, 64, kWide).bytes,
            4 * 10 * 64 * 4 + 64 * 4 + 2 * 2 * 64 * 4 + 2 * 10 * 4);
  EXPECT_EQ(SwiGluForwardCost(10, 96, kNarrow).bytes, 3 * 10 * 96 * 2);
  EXPECT_EQ(SwiGluBackwardCost(10, 96, kNarrow).bytes, 5 * 10 * 96 * 2);
  // x and y; the bias.
  EXPECT_EQ(GeluForwardCost(10, 96, kNarrow).bytes, 2 * 10 * 96 * 2 + 96 * 2);
  // dy, x and dx; the bias; its gradient, read and written.
  EXPECT_EQ(GeluBackwardCost(10, 96, kNarrow).bytes,
            3 * 10 * 96 * 2 + 96 * 2 + 2 * 96 * 4);
  // In place; a cosine and a sine for each position and pair.
  EXPECT_EQ(RopeCost(20, 128, 10, 32, kNarrow).bytes,
            2 * 20 * 128 * 2 + 2 * 10 * 16 * 4);
  EXPECT_EQ(EmbeddingForwardCost(10, 64, kNarrow).bytes,
            2 * 10 * 64 * 2 + 10 * 4);
  // A vocabulary of 6: no more rows of it are read and written.
  EXPECT_EQ(EmbeddingBackwardCost(10, 64, 6, kNarrow).bytes,
            10 * 64 * 2 + 10 * 4 + 2 * 6 * 64 * 4);
  EXPECT_EQ(CrossEntropyCost(10, 1000, kNarrow).bytes,
            10 * 1000 * (4 + 2) + 10 * 8);
  // param, m and v read and written, the gradient read, a bfloat16 written.
  EXPECT_EQ(AdamWCost(100, true).bytes, 100 * (3 * 8 + 4 + 2));
  EXPECT_EQ(AdamWCost(100, false).bytes, 100 * (3 * 8 + 4));
  EXPECT_EQ(CastCost(100, kWide, kNarrow).bytes, 100 * 6);
  EXPECT_EQ(AddCost(100, kNarrow).bytes, 100 * 6);
  // x; the sums, read and written.
  EXPECT_EQ(ColumnSumCost(10, 96, kNarrow).bytes, 10 * 96 * 2 + 2 * 96 * 4);
  // Two chunks of 4096.
  EXPECT_EQ(ChunkSumsCost(5000).bytes, 5000 * 4 + 2 * 8);
}

TEST(KernelShapesTest, LayersOfTheLargeModel) {
  const auto products = LayerProducts(ShapesOf1B(), kNarrow);
  ASSERT_EQ(products.size(), 15u);
  double forward = 0, weights = 0;
  for (const LayerProduct& product : products) {
    const double flops = MatMulCost(product.shape).flops;
    if (product.transpose_b) forward += flops;
    if (product.transpose_a) weights += flops;
  }
  // 2 x tokens x parameters of a block and of the output layer.
  const double parameters = 2048.0 * (4 * 2048 + 3 * 5632 + 32000);
  EXPECT_EQ(forward, 2 * 16384 * parameters);
  EXPECT_EQ(weights, forward);
}

}  // namespace
}  // namespace cogdist
