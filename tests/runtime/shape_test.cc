#include "runtime/shape.h"

#include "gtest/gtest.h"

namespace cogdist {
namespace {

TEST(ShapeTest, ExtentsFromBothEnds) {
  const Shape shape = {2, 3, 5};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.dim(0), 2);
  EXPECT_EQ(shape.dim(-1), 5);
  EXPECT_EQ(shape.dim(-3), 2);
  EXPECT_EQ(shape.num_elements(), 30);
  EXPECT_EQ(shape.ToString(), "[2, 3, 5]");
}

TEST(ShapeTest, AScalarHasOneElementAndAnEmptyExtentNone) {
  EXPECT_EQ(Shape().num_elements(), 1);
  EXPECT_EQ(Shape().ToString(), "[]");
  EXPECT_EQ(Shape({4, 0}).num_elements(), 0);
}

TEST(ShapeTest, ElementCountsBeyond32Bits) {
  EXPECT_EQ(Shape({1 << 20, 1 << 20}).num_elements(), int64_t{1} << 40);
}

TEST(ShapeTest, CountsThatNoMemoryHoldsAreABug) {
  EXPECT_EQ(Shape({1 << 30, 1 << 29}).num_elements(), Shape::kMaxElements);
  EXPECT_DEATH(Shape({1 << 30, 1 << 30}).num_elements(), "a tensor of");
  // 2^64 and 2^32 elements in 64 bits: 0 and a plausible number.
  const int64_t big = int64_t{1} << 32;
  EXPECT_DEATH(Shape({big, big}).num_elements(), "a tensor of");
  EXPECT_DEATH(Shape({big, big + 1}).num_elements(), "a tensor of");
  EXPECT_DEATH(Shape({-3}).num_elements(), "a tensor of \\[-3\\]");
}

TEST(ShapeTest, EqualityLooksAtRankAndExtents) {
  EXPECT_EQ(Shape({2, 3}), Shape({2, 3}));
  EXPECT_FALSE(Shape({2, 3}) == Shape({2, 3, 1}));
  EXPECT_FALSE(Shape({2, 3}) == Shape({3, 2}));
  Shape changed = {2, 3};
  changed.set_dim(-1, 7);
  EXPECT_EQ(changed, Shape({2, 7}));
}

TEST(ShapeTest, RefusesTooManyDimensions) {
  EXPECT_EQ(Shape({1, 1, 1, 1, 1}).rank(), Shape::kMaxRank);
  EXPECT_DEATH(Shape({1, 1, 1, 1, 1, 1}), "6 vs 5");
}

}  // namespace
}  // namespace cogdist
