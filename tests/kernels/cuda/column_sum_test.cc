#include "kernels/cuda/column_sum_launch.h"

#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaColumnSumTest : public GpuTest {};

TEST_F(CudaColumnSumTest, AddsToWhatIsThere) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType type = dice.FloatType();
    const bool many = seed % 50 == 0;  // more rows than there are ranges
    const int64_t rows = many ? 1500 : dice.Between(1, 9);
    const int64_t columns =
        many ? 24 : dice.OneOf<int64_t>({1, 7, 8, 130, 1032});
    const HostTensor x = RandomTensor(type, {rows, columns}, 2 * seed);
    const HostTensor before =
        RandomTensor(DType::kFloat32, {columns}, 2 * seed + 1);
    float* const sum = UploadFloats(before, "sum");
    cuda::LaunchColumnSum(
        stream(), {.sum = sum,
                   .partial = Allocate<float>(
                       cuda::RowRanges(rows, columns) * columns, "partial"),
                   .x = Upload(x, "x"),
                   .rows = rows,
                   .columns = columns,
                   .type = ElementTypeOf(type)});
    ExpectClean();
    Doubles expected = before.values();
    for (int64_t i = 0; i < rows * columns; ++i) {
      expected[i % columns] += x.Get(i);
    }
    EXPECT_LE(RelativeError(DownloadFloats(sum, columns), expected), 1e-6);
  }
}

}  // namespace
}  // namespace cogdist
