#include "kernels/matmul_peak.h"

#include <algorithm>
#include <vector>

#include "kernels/matmul.h"
#include "runtime/buffer.h"
#include "runtime/clock.h"
#include "runtime/fill_pattern.h"

namespace cogdist {
namespace {

constexpr int64_t kHostSize = 1024;
constexpr int64_t kSmallestOnGpu = 256, kLargestOnGpu = 8192;
constexpr double kLongEnough = 1e-3;  // seconds of a product on a GPU

// Multiples of 1/256 in [-1/2, 1/2): exact in both types, and not zero, since
// arithmetic on zeros takes less power and so may clock higher.
template <typename T>
std::vector<T> SomeNumbers() {
  std::vector<T> numbers;
  for (int i = 0; i < (1 << 16); ++i) {
    numbers.emplace_back(static_cast<float>(i * 167 % 256) / 256 - 0.5f);
  }
  return numbers;
}

template <typename T>
void FillWithNumbers(Stream& stream, const TensorView& a, const TensorView& b) {
  const std::vector<T> numbers = SomeNumbers<T>();
  FillPattern<T>(stream, a, numbers);
  FillPattern<T>(stream, b, numbers);
  stream.Synchronize();
}

double SecondsOf(Stream& stream, const MatMulArgs& args) {
  const double start = MonotonicSeconds();
  MatMul(stream, args);
  stream.Synchronize();
  return MonotonicSeconds() - start;
}

// Seconds of the best of a few products of size n.
absl::StatusOr<double> BestSeconds(Stream& stream, DType dtype, int64_t n) {
  const int64_t bytes = n * n * SizeOf(dtype);
  COG_ASSIGN_OR_RETURN(const Buffer a,
                       Buffer::Allocate(stream.device(), bytes));
  COG_ASSIGN_OR_RETURN(const Buffer b,
                       Buffer::Allocate(stream.device(), bytes));
  COG_ASSIGN_OR_RETURN(const Buffer c,
                       Buffer::Allocate(stream.device(), bytes));
  const MatMulArgs args = {.c = TensorView(c.data(), dtype, {n, n}),
                           .a = TensorView(a.data(), dtype, {n, n}),
                           .b = TensorView(b.data(), dtype, {n, n})};
  if (dtype == DType::kFloat32) {
    FillWithNumbers<float>(stream, args.a, args.b);
  } else {
    FillWithNumbers<BFloat16>(stream, args.a, args.b);
  }
  SecondsOf(stream, args);  // generates the code
  double best = SecondsOf(stream, args);
  for (double total = best; total < 0.2;) {
    const double seconds = SecondsOf(stream, args);
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

double FlopsOf(int64_t n) { return 2.0 * n * n * n; }

}  // namespace

absl::StatusOr<double> MeasureGemmFlops(Stream& stream, DType dtype,
                                        int64_t n) {
  COG_CHECK(stream.device_type() != DeviceType::kMeta);
  COG_ASSIGN_OR_RETURN(const double seconds, BestSeconds(stream, dtype, n));
  return FlopsOf(n) / seconds;
}

absl::StatusOr<double> MeasureGemmFlops(Stream& stream, DType dtype) {
  if (stream.device_type() == DeviceType::kCpu) {
    return MeasureGemmFlops(stream, dtype, kHostSize);
  }
  double flops = 0;
  for (int64_t n = kSmallestOnGpu; n <= kLargestOnGpu; n *= 2) {
    const auto measured = MeasureGemmFlops(stream, dtype, n);
    if (absl::IsResourceExhausted(measured.status()) && flops > 0) break;
    COG_ASSIGN_OR_RETURN(flops, measured);
    if (FlopsOf(n) / flops >= kLongEnough) break;
  }
  return flops;
}

}  // namespace cogdist
