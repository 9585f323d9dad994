#include "kernels/reduce.h"

#include "runtime/meta/meta_device.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

// The order that the header promises, written down once more.
double InPromisedOrder(const HostTensor& x) {
  std::vector<double> sums;
  for (int64_t i = 0; i < x.view().num_elements(); ++i) {
    if (i % kReduceChunk == 0) sums.push_back(0);
    sums.back() += x.Get(i);
  }
  while (sums.size() > 1) {
    std::vector<double> next;
    for (size_t i = 0; i + 1 < sums.size(); i += 2) {
      next.push_back(sums[i] + sums[i + 1]);
    }
    if (sums.size() % 2 == 1) next.push_back(sums.back());
    sums = next;
  }
  return sums.empty() ? 0 : sums[0];
}

class ReduceTest : public KernelTest {
 protected:
  TensorView out() { return TensorView::Of(&out_, {1}); }
  double out_ = 1e9;
};

TEST_F(ReduceTest, AddsInThePromisedOrder) {
  for (const int64_t n : {0, 1, 4095, 4096, 4097, 8 * 4096, 8 * 4096 + 1,
                          17 * 4096 - 5, 100001}) {
    const HostTensor x = RandomTensor(DType::kFloat32, {n}, 1);
    Sum(stream_, {.out = out(), .x = x});
    EXPECT_EQ(out_, InPromisedOrder(x)) << n;
  }
}

TEST_F(ReduceTest, AccumulateAddsToOut) {
  const HostTensor x(DType::kFloat32, {3}, {1, 2, 3});
  out_ = 10;
  Sum(stream_, {.out = out(), .x = x, .accumulate = true});
  EXPECT_EQ(out_, 16);
}

TEST_F(ReduceTest, SquaresDoNotOverflowFloat32) {
  const HostTensor x(DType::kFloat32, {2}, {1e30, 1e30});
  ChunkSumsOfSquares(stream_, {.out = out(), .x = x});
  EXPECT_NEAR(out_ / 2e60, 1, 1e-6);
}

TEST_F(ReduceTest, ChunkSumsAreThoseOfTheParts) {
  const int64_t n = 19 * kReduceChunk + 77;
  const HostTensor x = RandomTensor(DType::kFloat32, {n}, 1);
  const int64_t chunks = NumReduceChunks(n);
  ASSERT_EQ(chunks, 20);
  std::vector<double> whole(chunks, -1.0), parts(chunks, -1.0);
  ChunkSumsOfSquares(stream_,
                     {.out = TensorView::Of(whole.data(), {chunks}), .x = x});
  int64_t begin = 0;
  for (const int64_t end : {0, 1, 9, 12, 20}) {
    const int64_t first = begin * kReduceChunk;
    const int64_t count = std::min(n, end * kReduceChunk) - first;
    ChunkSumsOfSquares(
        stream_, {.out = TensorView::Of(parts.data() + begin, {end - begin}),
                  .x = x.view().Slice(0, first, count)});
    begin = end;
  }
  EXPECT_EQ(parts, whole);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    double sum = 0;
    const int64_t end = std::min(n, (chunk + 1) * kReduceChunk);
    for (int64_t i = chunk * kReduceChunk; i < end; ++i) {
      sum += x.Get(i) * x.Get(i);
    }
    EXPECT_EQ(whole[chunk], sum) << chunk;
  }
}

TEST_F(ReduceTest, MetaDeviceRecordsTheWorkspace) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  const HostTensor x = RandomTensor(DType::kFloat32, {9000}, 1);
  Sum(*planned, {.out = out(), .x = x});
  EXPECT_EQ(out_, 1e9);
  Sum(stream_, {.out = out(), .x = x});
  EXPECT_EQ(planned->workspace_bytes(), stream_.workspace_bytes());
}

}  // namespace
}  // namespace cogdist
