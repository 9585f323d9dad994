#include "kernels/matmul_peak.h"

#include <algorithm>
#include <vector>

#include "kernels/cast.h"
#include "kernels/matmul.h"
#include "runtime/buffer.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

// Multiples of 1/256 in [-1/2, 1/2): exact in both types, and not zero, since
// arithmetic on zeros takes less power and so may clock higher.
std::vector<float> SomeNumbers(int64_t count) {
  std::vector<float> numbers(count);
  for (int64_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<float>(i * 167 % 256) / 256 - 0.5f;
  }
  return numbers;
}

double SecondsOf(Stream& stream, const MatMulArgs& args) {
  const double start = MonotonicSeconds();
  MatMul(stream, args);
  stream.Synchronize();
  return MonotonicSeconds() - start;
}

}  // namespace

absl::StatusOr<double> MeasureGemmFlops(Stream& stream, DType dtype,
                                        int64_t n) {
  COG_CHECK(stream.device_type() != DeviceType::kMeta);
  const int64_t bytes = n * n * SizeOf(dtype);
  COG_ASSIGN_OR_RETURN(const Buffer a,
                       Buffer::Allocate(stream.device(), bytes));
  COG_ASSIGN_OR_RETURN(const Buffer b,
                       Buffer::Allocate(stream.device(), bytes));
  COG_ASSIGN_OR_RETURN(const Buffer c,
                       Buffer::Allocate(stream.device(), n * n * 4));
  const std::vector<float> numbers = SomeNumbers(n * n);
  stream.Copy(c.data(), numbers.data(), n * n * 4);
  for (const Buffer* to : {&a, &b}) {
    Cast(stream, {.to = to->View(dtype), .from = c.View(DType::kFloat32)});
  }
  const MatMulArgs args = {.c = TensorView(c.data(), dtype, {n, n}),
                           .a = TensorView(a.data(), dtype, {n, n}),
                           .b = TensorView(b.data(), dtype, {n, n})};
  SecondsOf(stream, args);  // generates the code
  double best = SecondsOf(stream, args);
  for (double total = best; total < 0.2;) {
    const double seconds = SecondsOf(stream, args);
    best = std::min(best, seconds);
    total += seconds;
  }
  return 2.0 * n * n * n / best;
}

}  // namespace cogdist
