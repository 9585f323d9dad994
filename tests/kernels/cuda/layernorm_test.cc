#include "kernels/cuda/layernorm_launch.h"

#include "kernels/cuda/column_sum_launch.h"
#include "tests/kernels/cuda/norm_test.h"

namespace cogdist {
namespace {

class CudaLayerNormTest : public CudaNormTest {
 protected:
  struct Statistics {
    Doubles mean, rstd;
  };
  Statistics StatisticsOf(const Doubles& s) const {
    Statistics result = {Doubles(rows_), Doubles(rows_)};
    for (int64_t row = 0; row < rows_; ++row) {
      const double* const at = &s[row * hidden_];
      double& mean = result.mean[row];
      double variance = 0;
      for (int64_t i = 0; i < hidden_; ++i) mean += at[i] / hidden_;
      for (int64_t i = 0; i < hidden_; ++i) {
        variance += (at[i] - mean) * (at[i] - mean) / hidden_;
      }
      result.rstd[row] = 1 / std::sqrt(variance + kEps);
    }
    return result;
  }
};

TEST_F(CudaLayerNormTest, Forward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    // A mean that differences must not lose.
    const double offset = Draw(seed).OneOf({0, 0, 64});
    HostTensor x = RandomTensor(type_, shape(), 4 * seed);
    for (int64_t i = 0; i < rows_ * hidden_; ++i) x.Set(i, x.Get(i) + offset);
    const HostTensor residual = RandomTensor(type_, shape(), 4 * seed + 1);
    const HostTensor gain = RandomTensor(gain_type_, {hidden_}, 4 * seed + 2);
    const HostTensor bias = RandomTensor(gain_type_, {hidden_}, 4 * seed + 3);
    const int64_t n = rows_ * hidden_;
    void* const y = Allocate(type_, n, "y");
    void* const sum = with_residual_ ? Allocate(type_, n, "sum") : nullptr;
    float* const mean = Allocate<float>(rows_, "mean");
    float* const rstd = Allocate<float>(rows_, "rstd");
    cuda::LaunchLayerNormForward(
        stream(),
        {.y = y,
         .mean = mean,
         .rstd = rstd,
         .sum = sum,
         .x = Upload(x, "x"),
         .residual = with_residual_ ? Upload(residual, "residual") : nullptr,
         .gain = Upload(gain, "gain"),
         .bias = Upload(bias, "bias"),
         .rows = rows_,
         .hidden = hidden_,
         .eps = kEps,
         .type = ElementTypeOf(type_),
         .gain_type = ElementTypeOf(gain_type_)});
    ExpectClean();

    const Doubles s = SumOf(x, residual, sum);
    const Statistics expected = StatisticsOf(s);
    Doubles norm = s, terms = s;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = i / hidden_, column = i % hidden_;
      norm[i] = (s[i] - expected.mean[row]) * expected.rstd[row];
      norm[i] = norm[i] * gain.Get(column) + bias.Get(column);
      // What rounding the mean may do.
      terms[i] =
          std::abs(norm[i]) +
          std::abs(expected.mean[row] * expected.rstd[row] * gain.Get(column)) /
              8;
    }
    EXPECT_LE(ErrorOf(Download(type_, shape(), y).values(), norm, terms),
              Tolerance(type_));
    EXPECT_LE(ErrorOf(DownloadFloats(mean, rows_), expected.mean,
                      Sum(Doubles(rows_, 1), expected.mean)),
              1e-6);
    EXPECT_LE(RelativeError(DownloadFloats(rstd, rows_), expected.rstd), 1e-6);
  }
}

// From the formula: with n = (s - mean) rstd and g = dy gain,
// ds = rstd (g - mean(g) - n mean(g n)), dgain = sum of dy n, dbias = sum of
// dy.
TEST_F(CudaLayerNormTest, Backward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DrawBackward(seed);
    const HostTensor x = RandomTensor(type_, shape(), 4 * seed);
    const HostTensor dy = RandomTensor(type_, shape(), 4 * seed + 1);
    const HostTensor past = RandomTensor(type_, shape(), 4 * seed + 2);
    const HostTensor gain = RandomTensor(gain_type_, {hidden_}, 4 * seed + 3);
    const Statistics statistics = StatisticsOf(x.values());
    Doubles dgain(hidden_, 1), dbias(hidden_, 1), dx(rows_ * hidden_);
    Doubles dgain_terms = dgain, dbias_terms = dbias, dx_terms = dx;
    for (int64_t row = 0; row < rows_; ++row) {
      const double mean = statistics.mean[row], rstd = statistics.rstd[row];
      const int64_t at = row * hidden_;
      double mean_of_g = 0, mean_of_g_n = 0;
      for (int64_t i = 0; i < hidden_; ++i) {
        const double n = (x.Get(at + i) - mean) * rstd;
        const double d = dy.Get(at + i), g = d * gain.Get(i);
        dgain[i] += d * n;
        dbias[i] += d;
        dgain_terms[i] += std::abs(d * n);
        dbias_terms[i] += std::abs(d);
        mean_of_g += g / hidden_;
        mean_of_g_n += g * n / hidden_;
      }
      for (int64_t i = 0; i < hidden_; ++i) {
        const double n = (x.Get(at + i) - mean) * rstd;
        const double g = dy.Get(at + i) * gain.Get(i);
        const double residual = with_residual_ ? past.Get(at + i) : 0;
        dx[at + i] = rstd * (g - mean_of_g - n * mean_of_g_n) + residual;
        dx_terms[at + i] = rstd * (std::abs(g) + std::abs(mean_of_g) +
                                   std::abs(n * mean_of_g_n));
      }
    }
    float* const gpu_dgain = UploadOnes(hidden_, "dgain");
    float* const gpu_dbias = UploadOnes(hidden_, "dbias");
    void* const in_place = with_residual_ ? Upload(past, "dx") : nullptr;
    void* const gpu_dx =
        with_residual_ ? in_place : Allocate(type_, rows_ * hidden_, "dx");
    cuda::LaunchLayerNormBackward(
        stream(),
        {.dx = gpu_dx,
         .dgain = gpu_dgain,
         .dbias = gpu_dbias,
         .partial = Allocate<float>(
             cuda::RowRanges(rows_, hidden_) * 2 * hidden_, "partial"),
         .dy = Upload(dy, "dy"),
         .x = Upload(x, "x"),
         .gain = Upload(gain, "gain"),
         .mean = UploadStatistics(statistics.mean, "mean"),
         .rstd = UploadStatistics(statistics.rstd, "rstd"),
         .residual_gradient = in_place,
         .rows = rows_,
         .hidden = hidden_,
         .type = ElementTypeOf(type_),
         .gain_type = ElementTypeOf(gain_type_)});
    EXPECT_LE(ErrorOf(Download(type_, shape(), gpu_dx).values(), dx, dx_terms),
              backward_tolerance());
    EXPECT_LE(ErrorOf(DownloadFloats(gpu_dgain, hidden_), dgain, dgain_terms),
              2e-6);
    EXPECT_LE(ErrorOf(DownloadFloats(gpu_dbias, hidden_), dbias, dbias_terms),
              2e-6);
    ExpectClean();
  }
}

}  // namespace
}  // namespace cogdist
