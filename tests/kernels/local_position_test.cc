#include "kernels/local_position.h"

#include "gmock/gmock.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

class LocalPositionTest : public KernelTest {};

TEST_F(LocalPositionTest, CountsHeldTokensBefore) {
  // Held: positions 3, 4 and 9, 10.
  const std::vector<int32_t> from = {0, 3, 4, 5, 8, 9, 10, 11, 99};
  std::vector<int32_t> to(from.size());
  LocalPosition(stream_, {.to = TensorView::Of(to.data(), {9}),
                          .from = TensorView::Of(from.data(), {9}),
                          .begin = {3, 9},
                          .length = 2});
  EXPECT_THAT(to, ElementsAre(0, 0, 1, 2, 2, 2, 3, 4, 4));
}

TEST_F(LocalPositionTest, PiecesMayTouchAndTensorsBeLong) {
  constexpr int64_t kLength = 10000;
  std::vector<int32_t> from(2 * kLength);
  for (size_t k = 0; k < from.size(); ++k) from[k] = k;
  std::vector<int32_t> to(from.size());
  LocalPosition(stream_, {.to = TensorView::Of(to.data(), {2, kLength}),
                          .from = TensorView::Of(from.data(), {2, kLength}),
                          .begin = {0, kLength},
                          .length = kLength});
  EXPECT_EQ(to, from);
}

TEST_F(LocalPositionTest, RefusesPiecesThatOverlap) {
  std::vector<int32_t> ids(2);
  const TensorView x = TensorView::Of(ids.data(), {2});
  EXPECT_DEATH(LocalPosition(
                   stream_, {.to = x, .from = x, .begin = {0, 1}, .length = 2}),
               "2 vs 1");
}

}  // namespace
}  // namespace cogdist
