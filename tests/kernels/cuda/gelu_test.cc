#include "kernels/cuda/gelu_launch.h"

#include "kernels/cuda/column_sum_launch.h"
#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

double Phi(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double Slope(double x) {
  return Phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
}

class CudaGeluTest : public GpuTest {
 protected:
  void Draw(uint64_t seed) {
    CaseDice dice(seed);
    type_ = dice.FloatType();
    bias_type_ = dice.FloatType();
    rows_ = dice.Between(1, 7);
    ffn_ = dice.OneOf<int64_t>({1, 5, 8, 33, 264, 1032});
    if (seed % 50 == 0) rows_ = 300;  // more than there are ranges
    if (seed % 50 == 0) ffn_ = 40;
    scale_ = dice.OneOf({1.0, 30.0});
    with_bias_ = dice.Flip();
    with_dbias_ = dice.Flip();
    in_place_ = dice.Flip();
  }
  Shape shape() const { return {rows_, ffn_}; }
  // What goes into the function, in float32 as on the device.
  Doubles Sums(const HostTensor& x, const HostTensor& bias) const {
    Doubles z = x.values();
    for (size_t i = 0; i < z.size() && with_bias_; ++i) {
      z[i] = static_cast<float>(z[i] + bias.Get(i % ffn_));
    }
    return z;
  }

  DType type_, bias_type_;
  int64_t rows_, ffn_;
  double scale_;
  bool with_bias_, with_dbias_, in_place_;
};

TEST_F(CudaGeluTest, Forward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    Draw(seed);
    const HostTensor x = RandomTensor(type_, shape(), 2 * seed, scale_);
    const HostTensor bias = RandomTensor(bias_type_, {ffn_}, 2 * seed + 1);
    void* const from = Upload(x, "x");
    void* const y = in_place_ ? from : Allocate(type_, rows_ * ffn_, "y");
    cuda::LaunchGeluForward(
        stream(), {.y = y,
                   .x = from,
                   .bias = with_bias_ ? Upload(bias, "bias") : nullptr,
                   .rows = rows_,
                   .ffn = ffn_,
                   .type = ElementTypeOf(type_),
                   .bias_type = ElementTypeOf(bias_type_)});
    ExpectClean();
    Doubles expected = Sums(x, bias);
    for (double& z : expected) z *= Phi(z);
    EXPECT_LE(RelativeError(Download(type_, shape(), y).values(), expected),
              Tolerance(type_));
  }
}

TEST_F(CudaGeluTest, Backward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    Draw(seed);
    const HostTensor x = RandomTensor(type_, shape(), 3 * seed, scale_);
    const HostTensor dy = RandomTensor(type_, shape(), 3 * seed + 1);
    const HostTensor bias = RandomTensor(bias_type_, {ffn_}, 3 * seed + 2);
    const HostTensor ones(DType::kFloat32, {ffn_}, Doubles(ffn_, 1));
    void* const gpu_x = Upload(x, "x");
    void* const dx = in_place_ ? gpu_x : Allocate(type_, rows_ * ffn_, "dx");
    float* const dbias = with_dbias_ ? UploadFloats(ones, "dbias") : nullptr;
    const int64_t partials = cuda::RowRanges(rows_, ffn_) * ffn_;
    cuda::LaunchGeluBackward(
        stream(), {.dx = dx,
                   .dbias = dbias,
                   .partial = with_dbias_ ? Allocate<float>(partials, "partial")
                                          : nullptr,
                   .dy = Upload(dy, "dy"),
                   .x = gpu_x,
                   .bias = with_bias_ ? Upload(bias, "bias") : nullptr,
                   .rows = rows_,
                   .ffn = ffn_,
                   .type = ElementTypeOf(type_),
                   .bias_type = ElementTypeOf(bias_type_)});
    ExpectClean();
    Doubles expected = Sums(x, bias), sums(ffn_, 1), terms(ffn_, 1);
    for (int64_t i = 0; i < rows_ * ffn_; ++i) {
      expected[i] = dy.Get(i) * Slope(expected[i]);
      sums[i % ffn_] += expected[i];
      terms[i % ffn_] += std::abs(expected[i]);
    }
    // Relative to dy: far below zero the slope is none in float32.
    EXPECT_LE(
        ErrorOf(Download(type_, shape(), dx).values(), expected, dy.values()),
        Tolerance(type_));
    if (!with_dbias_) continue;
    EXPECT_LE(ErrorOf(DownloadFloats(dbias, ffn_), sums, terms), 1e-6);
  }
}

// Far below zero, where 1 + erf() has no digits left.
TEST_F(CudaGeluTest, LowerTailKeepsItsDigits) {
  Begin(1);
  Doubles points;
  for (double z = -13; z < 8; z += 1.0 / 64) points.push_back(z);
  const int64_t n = points.size();
  const HostTensor x(DType::kFloat32, {1, n}, points);
  float* const y = Allocate<float>(n, "y");
  cuda::LaunchGeluForward(stream(), {.y = y,
                                     .x = Upload(x, "x"),
                                     .bias = nullptr,
                                     .rows = 1,
                                     .ffn = n,
                                     .type = cuda::ElementType::kFloat32,
                                     .bias_type = cuda::ElementType::kFloat32});
  ExpectClean();
  const Doubles values = DownloadFloats(y, n);
  for (int64_t i = 0; i < n; ++i) {
    const double z = x.Get(i), gelu = z * Phi(z);
    const double ulps = 4 + (z < 0 ? z * z : 0);
    EXPECT_LE(std::abs(values[i] - gelu), std::abs(gelu) * ulps * 0x1p-23) << z;
  }
}

}  // namespace
}  // namespace cogdist
