// Against sets of elements, made one by one.

#include "parallel/checkpoint/tensor_region.h"

#include <map>
#include <random>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

// Whole index -> index inside of the region.
std::map<int64_t, int64_t> ElementsOf(const TensorRegion& region) {
  std::map<int64_t, int64_t> elements;
  for (int64_t i = region.range.begin; i < region.range.end(); ++i) {
    int64_t rest = i, whole = 0, stride = 1;
    for (int dim = region.shape.rank() - 1; dim >= 0; --dim) {
      whole +=
          (region.offset.dim(dim) + rest % region.extent.dim(dim)) * stride;
      rest /= region.extent.dim(dim);
      stride *= region.shape.dim(dim);
    }
    elements[whole] = i - region.range.begin;
  }
  return elements;
}

class TensorRegionTest : public ::testing::Test {
 protected:
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }
  TensorRegion RandomRegion(const Shape& shape) {
    TensorRegion region = {.shape = shape, .offset = shape, .extent = shape};
    for (int dim = 0; dim < shape.rank(); ++dim) {
      // Whole dimensions often: then runs are longer.
      const bool whole = Below(2) == 0;
      const int64_t begin = whole ? 0 : Below(shape.dim(dim));
      region.offset.set_dim(dim, begin);
      region.extent.set_dim(
          dim, whole ? shape.dim(dim) : 1 + Below(shape.dim(dim) - begin));
    }
    const int64_t elements = region.extent.num_elements();
    const int64_t begin = Below(elements);
    region.range = {begin, 1 + Below(elements - begin)};
    return region;
  }
  Shape RandomShape() {
    std::vector<int64_t> dims(Below(4));
    for (int64_t& dim : dims) dim = 1 + Below(7);
    return Shape(dims);
  }

  std::mt19937_64 random_{1};
};

TEST_F(TensorRegionTest, RunsAreTheRegion) {
  for (int i = 0; i < 500; ++i) {
    const TensorRegion region = RandomRegion(RandomShape());
    std::map<int64_t, int64_t> elements;
    int64_t end = -1;
    for (const RegionRun& run : RunsOf(region)) {
      EXPECT_GT(run.whole, end);  // ascend, and do not touch but at box borders
      for (int64_t j = 0; j < run.count; ++j) {
        elements[run.whole + j] = run.inside + j;
      }
      end = run.whole + run.count - 1;
    }
    ASSERT_EQ(elements, ElementsOf(region));
  }
}

TEST_F(TensorRegionTest, CommonRunsAreTheIntersection) {
  for (int i = 0; i < 1000; ++i) {
    const Shape shape = RandomShape();
    const TensorRegion a = RandomRegion(shape), b = RandomRegion(shape);
    std::map<int64_t, int64_t> expected, found;
    const auto of_b = ElementsOf(b);
    for (const auto& [whole, in_a] : ElementsOf(a)) {
      if (of_b.count(whole) > 0) expected[in_a] = of_b.at(whole);
    }
    ForEachCommonRun(RunsOf(a), RunsOf(b), [&](const CommonRun& run) {
      for (int64_t j = 0; j < run.count; ++j) {
        EXPECT_TRUE(found.emplace(run.in_a + j, run.in_b + j).second);
      }
    });
    ASSERT_EQ(found, expected);
  }
}

TEST_F(TensorRegionTest, RowsAreOneRunColumnsAreMany) {
  const NamedTensor rows = ShardOf({"x", Shape({8, 6})}, 0, 2, 1);
  const std::vector<RegionRun> one = RunsOf(RegionOf(rows, {0, 24}));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].whole, 24);
  const NamedTensor columns = ShardOf({"x", Shape({8, 6})}, 1, 2, 1);
  const std::vector<RegionRun> many = RunsOf(RegionOf(columns, {2, 5}));
  ASSERT_EQ(many.size(), 3u);  // element 2, a row of 3, element 6
  EXPECT_EQ(many[0].whole, 5);
  EXPECT_EQ(many[1].whole, 9);
  EXPECT_EQ(many[2].whole, 15);
  EXPECT_EQ(many[2].count, 1);
}

}  // namespace
}  // namespace cogdist
