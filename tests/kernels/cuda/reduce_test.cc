#include "kernels/cuda/reduce_launch.h"

#include "kernels/reduce.h"
#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaReduceTest : public GpuTest {};

TEST_F(CudaReduceTest, ChunksAndTheirSum) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    const int64_t n =
        CaseDice(seed).OneOf<int64_t>({1, 255, 4096, 4097, 12000});
    const int64_t chunks = NumReduceChunks(n);
    const HostTensor x = RandomTensor(DType::kFloat32, {n}, seed);
    float* const gpu_x = UploadFloats(x, "x");
    std::vector<double> expected(chunks), squares(chunks);
    double total = 0;
    for (int64_t i = 0; i < n; ++i) {
      expected[i / kReduceChunk] += x.Get(i);
      squares[i / kReduceChunk] += x.Get(i) * x.Get(i);
      total += x.Get(i);
    }
    double* const sums = Allocate<double>(chunks, "sums");
    double* const out = Upload(std::vector<double>{10}, "out");
    std::vector<double> found(chunks);
    const auto read = [&](const double* from, int64_t count) {
      auto report =
          emulator_.memory().Read(found.data(), from, count * sizeof(double));
      if (report) emulator_.AddReport(*report);
    };
    cuda::LaunchChunkSumsOfSquares(stream(), {.out = sums, .x = gpu_x, .n = n});
    read(sums, chunks);
    EXPECT_LE(RelativeError(found, squares), 1e-14);
    cuda::LaunchChunkSums(stream(), {.out = sums, .x = gpu_x, .n = n});
    read(sums, chunks);
    for (int64_t i = 0; i < chunks; ++i) {
      EXPECT_NEAR(found[i], expected[i], 1e-11);
    }
    const bool accumulate = seed % 2 == 1;
    cuda::LaunchSumDoubles(
        stream(),
        {.out = out, .x = sums, .n = chunks, .accumulate = accumulate});
    read(out, 1);
    EXPECT_NEAR(found[0], total + (accumulate ? 10 : 0), 1e-11);
    ExpectClean();
  }
}

}  // namespace
}  // namespace cogdist
