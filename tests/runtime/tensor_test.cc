#include "runtime/tensor.h"

#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

class TensorTest : public testing::Test {
 protected:
  TensorTest() { std::iota(numbers_.begin(), numbers_.end(), 0.0f); }

  std::vector<float> numbers_ = std::vector<float>(24);
  TensorView x_ = TensorView::Of(numbers_.data(), {2, 3, 4});
};

TEST_F(TensorTest, DefaultMeansNoTensor) {
  EXPECT_FALSE(TensorView());
  EXPECT_TRUE(x_);
}

TEST_F(TensorTest, RowMajorViewOfTypedMemory) {
  EXPECT_EQ(x_.dtype, DType::kFloat32);
  EXPECT_EQ(x_.strides, Shape({12, 4, 1}));
  EXPECT_EQ(x_.bytes(), 96);
  EXPECT_TRUE(x_.IsContiguous());
  EXPECT_EQ(x_.ToString(), "float32[2, 3, 4]");
  const std::vector<int32_t> ids = {7};
  EXPECT_EQ(TensorView::Of(ids.data(), {1}).Data<int32_t>()[0], 7);
}

TEST_F(TensorTest, SliceKeepsStrides) {
  const TensorView column = x_.Slice(-1, 1, 2);
  EXPECT_EQ(column.shape, Shape({2, 3, 2}));
  EXPECT_EQ(column.strides, x_.strides);
  EXPECT_EQ(column.Data<float>()[0], 1);
  EXPECT_FALSE(column.IsContiguous());
  const TensorView half = x_.Slice(0, 1, 1);
  EXPECT_EQ(half.Data<float>()[0], 12);
  EXPECT_TRUE(half.IsContiguous());
  EXPECT_EQ(x_.Slice(1, 3, 0).num_elements(), 0);
}

TEST_F(TensorTest, StridesOfExtentOneDoNotMatter) {
  TensorView row = x_.Slice(0, 0, 1).Slice(1, 2, 1);
  EXPECT_TRUE(row.IsContiguous());
  EXPECT_EQ(row.Reshape({4}).Data<float>()[0], 8);
}

TEST_F(TensorTest, NothingIsContiguous) {
  for (int dim = 0; dim < 3; ++dim) {
    const TensorView none = x_.Slice(dim, 1, 0);
    EXPECT_TRUE(none.IsContiguous()) << dim;
    EXPECT_EQ(none.Reshape({0}).bytes(), 0);
  }
}

TEST_F(TensorTest, ReshapeKeepsElements) {
  const TensorView flat = x_.Reshape({6, 4});
  EXPECT_EQ(flat.strides, Shape({4, 1}));
  EXPECT_EQ(flat.data, x_.data);
}

TEST_F(TensorTest, MisuseIsABug) {
  EXPECT_DEATH(x_.Reshape({5, 5}), "25 vs 24");
  EXPECT_DEATH(x_.Slice(2, 0, 2).Reshape({12}), "IsContiguous");
  EXPECT_DEATH(x_.Slice(1, 2, 2), "slice \\[2, 4\\) of dimension 1");
  EXPECT_DEATH(x_.Slice(0, -1, 1), "slice \\[-1, 0\\)");
  EXPECT_DEATH(x_.Data<BFloat16>(), "tensor holds float32");
}

TEST(DTypeTest, DispatchGivesTheType) {
  const auto size = [](DType dtype) {
    return DispatchFloat(dtype, [](auto value) { return sizeof(value); });
  };
  EXPECT_EQ(size(DType::kFloat32), 4u);
  EXPECT_EQ(size(DType::kBFloat16), 2u);
  EXPECT_DEATH(size(DType::kInt32), "not a floating-point type: int32");
}

}  // namespace
}  // namespace cogdist
