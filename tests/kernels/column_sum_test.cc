#include "kernels/column_sum.h"

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/planned_workspace.h"

namespace cogdist {
namespace {

class ColumnSumTest : public KernelTest {};

TEST_F(ColumnSumTest, AddsToWhatIsThere) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t rows : {1, 5, 64, 1000}) {
      for (const int64_t columns : {1, 15, 16, 100}) {
        const HostTensor x = RandomTensor(dtype, {rows, columns}, 1);
        ForEachTarget([&] {
          const HostTensor sum = RandomTensor(DType::kFloat32, {columns}, 2);
          Doubles expected = sum.values();
          for (int64_t i = 0; i < rows * columns; ++i) {
            expected[i % columns] += x.Get(i);
          }
          ColumnSum(stream_, {.sum = sum, .x = x});
          EXPECT_LE(RelativeError(sum.values(), expected), 1e-6);
        });
      }
    }
  }
}

TEST_F(ColumnSumTest, NoRowsAddNothing) {
  const HostTensor x(DType::kBFloat16, {0, 3});
  const HostTensor sum(DType::kFloat32, {3}, {1, 2, 3});
  ColumnSum(stream_, {.sum = sum, .x = x});
  EXPECT_EQ(sum.values(), Doubles({1, 2, 3}));
}

TEST_F(ColumnSumTest, MetaDeviceRecordsTheWorkspace) {
  const HostTensor x(DType::kFloat32, {70, 8}), sum(DType::kFloat32, {8});
  ExpectPlannedWorkspace(stream_, [&](Stream& stream) {
    ColumnSum(stream, {.sum = sum, .x = x});
  });
}

TEST_F(ColumnSumTest, RefusesAnotherNumberOfColumns) {
  const HostTensor x(DType::kFloat32, {2, 8}), sum(DType::kFloat32, {7});
  EXPECT_DEATH(
      ColumnSum(stream_, {.sum = sum, .x = x}),
      "args.sum is float32\\[7\\], expected contiguous float32\\[8\\]");
}

}  // namespace
}  // namespace cogdist
