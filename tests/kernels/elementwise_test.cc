#include "kernels/elementwise.h"

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

class ElementwiseTest : public KernelTest {};

TEST_F(ElementwiseTest, AddRoundsOnce) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t n : {0, 1, 15, 16, 4097, 9000}) {
      const HostTensor x = RandomTensor(dtype, {n}, 1);
      const HostTensor start = RandomTensor(dtype, {n}, 2);
      const HostTensor sum(dtype, {n}, Sum(start.values(), x.values()));
      ForEachTarget([&] {
        const HostTensor y(dtype, {n}, start.values());
        Add(stream_, {.y = y, .x = x});
        EXPECT_TRUE(y.bytes() == sum.bytes());
      });
    }
  }
}

TEST_F(ElementwiseTest, AddsToASlice) {
  const HostTensor x = RandomTensor(DType::kFloat32, {3, 2, 5}, 1);
  const HostTensor start = RandomTensor(DType::kFloat32, {3, 4, 5}, 2);
  HostTensor expected(DType::kFloat32, {3, 4, 5}, start.values());
  for (int64_t i = 0; i < 30; ++i) {
    const int64_t at = i / 10 * 20 + 10 + i % 10;
    expected.Set(at, start.Get(at) + x.Get(i));
  }
  ForEachTarget([&] {
    const HostTensor y(DType::kFloat32, {3, 4, 5}, start.values());
    Add(stream_, {.y = y.view().Slice(1, 2, 2), .x = x});
    EXPECT_TRUE(y.bytes() == expected.bytes());
  });
}

TEST_F(ElementwiseTest, RefusesDifferentTypesAndShapes) {
  const HostTensor a(DType::kFloat32, {4, 4}), b(DType::kBFloat16, {4, 4});
  EXPECT_DEATH(Add(stream_, {.y = a, .x = b}),
               "float32\\[4, 4\\] \\+= bfloat16");
  EXPECT_DEATH(Add(stream_, {.y = a.view().Slice(1, 0, 2),
                             .x = a.view().Slice(0, 0, 2)}),
               "neither of one shape");
}

}  // namespace
}  // namespace cogdist
