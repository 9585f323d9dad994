#include "kernels/rope.h"

#include <complex>

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

constexpr double kTheta = 10000;

// Element (b, t, h, i) of a rotated tensor, from complex multiplication.
double Rotated(const HostTensor& x, int64_t index, int64_t first_position,
               bool inverse) {
  const Shape& shape = x.view().shape;
  const int64_t head_dim = shape.dim(3), half = head_dim / 2;
  const int64_t i = index % head_dim;
  const int64_t t = index / (head_dim * shape.dim(2)) % shape.dim(1);
  const int64_t pair = index - i + i % half;
  const double angle = (first_position + t) *
                       std::pow(kTheta, -2.0 * (i % half) / head_dim) *
                       (inverse ? -1 : 1);
  const std::complex<double> rotated =
      std::complex<double>(x.Get(pair), x.Get(pair + half)) *
      std::polar(1.0, angle);
  return i < half ? rotated.real() : rotated.imag();
}

class RopeTest : public KernelTest {};

TEST_F(RopeTest, TableHoldsRoundedFloat64) {
  const std::vector<float> table = RopeTable(3000, 6, kTheta);
  ASSERT_EQ(table.size(), 2u * 3000 * 3);
  const double angle = 2999 * std::pow(kTheta, -4.0 / 6);
  EXPECT_EQ(table[2999 * 3 + 2], static_cast<float>(std::cos(angle)));
  EXPECT_EQ(table[3000 * 3 + 2999 * 3 + 2],
            static_cast<float>(std::sin(angle)));
  EXPECT_EQ(table[0], 1);
  EXPECT_EQ(table[3000 * 3], 0);
}

TEST_F(RopeTest, RotatesAgainstComplexNumbers) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t head_dim : {2, 6, 32, 64, 70}) {
      std::vector<float> values = RopeTable(40, head_dim, kTheta);
      const TensorView table =
          TensorView::Of(values.data(), {2, 40, head_dim / 2});
      for (const bool inverse : {false, true}) {
        ForEachTarget([&] {
          const HostTensor x = RandomTensor(dtype, {2, 7, 3, head_dim}, 1);
          Doubles expected(x.view().num_elements());
          for (size_t i = 0; i < expected.size(); ++i) {
            expected[i] = Rotated(x, i, /*first_position=*/33, inverse);
          }
          Rope(stream_, {.x = x,
                         .table = table,
                         .first_position = 33,
                         .inverse = inverse});
          EXPECT_LE(RelativeError(x.values(), expected), Tolerance(dtype));
        });
      }
    }
  }
}

TEST_F(RopeTest, TouchesOnlyItsSliceOfAFusedProjection) {
  const HostTensor fused = RandomTensor(DType::kFloat32, {2, 5, 4, 8}, 1);
  const Doubles before = fused.values();
  std::vector<float> values = RopeTable(5, 8, kTheta);
  Doubles expected = before;
  for (size_t i = 0; i < expected.size(); ++i) {
    const int64_t head = i / 8 % 4;
    if (head == 1 || head == 2) expected[i] = Rotated(fused, i, 0, false);
  }
  Rope(stream_, {.x = fused.view().Slice(2, 1, 2),
                 .table = TensorView::Of(values.data(), {2, 5, 4})});
  EXPECT_LE(RelativeError(fused.values(), expected), 1e-6);
  EXPECT_EQ(fused.Get(0), before[0]);
  EXPECT_EQ(fused.Get(fused.view().num_elements() - 1), before.back());
}

TEST_F(RopeTest, InverseGoesBack) {
  const HostTensor x = RandomTensor(DType::kFloat32, {1, 9, 2, 16}, 1);
  const Doubles before = x.values();
  std::vector<float> values = RopeTable(9, 16, kTheta);
  const TensorView table = TensorView::Of(values.data(), {2, 9, 8});
  Rope(stream_, {.x = x, .table = table});
  EXPECT_GT(RelativeError(x.values(), before), 0.1);
  Rope(stream_, {.x = x, .table = table, .inverse = true});
  EXPECT_LE(RelativeError(x.values(), before), 1e-6);
}

TEST_F(RopeTest, RefusesPositionsBehindTheTable) {
  const HostTensor x(DType::kFloat32, {1, 4, 1, 4});
  std::vector<float> values = RopeTable(5, 4, kTheta);
  EXPECT_DEATH(Rope(stream_, {.x = x,
                              .table = TensorView::Of(values.data(), {2, 5, 2}),
                              .first_position = 2}),
               "positions \\[2, 6\\) of a table of 5");
}

}  // namespace
}  // namespace cogdist
