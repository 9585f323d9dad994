#include "kernels/cuda/rmsnorm_launch.h"

#include "kernels/cuda/column_sum_launch.h"
#include "tests/kernels/cuda/norm_test.h"

namespace cogdist {
namespace {

class CudaRmsNormTest : public CudaNormTest {};

TEST_F(CudaRmsNormTest, Forward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Draw(seed);
    const HostTensor x = RandomTensor(type_, shape(), 3 * seed);
    const HostTensor residual = RandomTensor(type_, shape(), 3 * seed + 1);
    const HostTensor gain = RandomTensor(gain_type_, {hidden_}, 3 * seed + 2);
    const int64_t n = rows_ * hidden_;
    void* const y = Allocate(type_, n, "y");
    void* const sum = with_residual_ ? Allocate(type_, n, "sum") : nullptr;
    float* const rstd = Allocate<float>(rows_, "rstd");
    cuda::LaunchRmsNormForward(
        stream(),
        {.y = y,
         .rstd = rstd,
         .sum = sum,
         .x = Upload(x, "x"),
         .residual = with_residual_ ? Upload(residual, "residual") : nullptr,
         .gain = Upload(gain, "gain"),
         .rows = rows_,
         .hidden = hidden_,
         .eps = kEps,
         .type = ElementTypeOf(type_),
         .gain_type = ElementTypeOf(gain_type_)});
    ExpectClean();

    const Doubles s = SumOf(x, residual, sum);
    Doubles expected = s, expected_rstd(rows_);
    for (int64_t row = 0; row < rows_; ++row) {
      double squares = 0;
      for (int64_t i = 0; i < hidden_; ++i) {
        squares += s[row * hidden_ + i] * s[row * hidden_ + i];
      }
      expected_rstd[row] = 1 / std::sqrt(squares / hidden_ + kEps);
      for (int64_t i = 0; i < hidden_; ++i) {
        expected[row * hidden_ + i] *= expected_rstd[row] * gain.Get(i);
      }
    }
    EXPECT_LE(RelativeError(Download(type_, shape(), y).values(), expected),
              Tolerance(type_));
    EXPECT_LE(RelativeError(DownloadFloats(rstd, rows_), expected_rstd), 1e-6);
  }
}

// From the formula: with n = s rstd and g = dy gain,
// ds = rstd (g - n mean(g n)), dgain = sum over rows of dy n.
TEST_F(CudaRmsNormTest, Backward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DrawBackward(seed);
    const HostTensor x = RandomTensor(type_, shape(), 4 * seed);
    const HostTensor dy = RandomTensor(type_, shape(), 4 * seed + 1);
    const HostTensor past = RandomTensor(type_, shape(), 4 * seed + 2);
    const HostTensor gain = RandomTensor(gain_type_, {hidden_}, 4 * seed + 3);
    Doubles rstd(rows_), dgain(hidden_, 1), dx(rows_ * hidden_);
    Doubles dgain_terms = dgain, dx_terms = dx;
    for (int64_t row = 0; row < rows_; ++row) {
      double squares = 0, mean = 0;
      const auto at = [&](const HostTensor& t, int64_t i) {
        return t.Get(row * hidden_ + i);
      };
      for (int64_t i = 0; i < hidden_; ++i) squares += at(x, i) * at(x, i);
      rstd[row] = 1 / std::sqrt(squares / hidden_ + kEps);
      for (int64_t i = 0; i < hidden_; ++i) {
        const double dy_n = at(dy, i) * at(x, i) * rstd[row];
        dgain[i] += dy_n;
        dgain_terms[i] += std::abs(dy_n);
        mean += dy_n * gain.Get(i) / hidden_;
      }
      for (int64_t i = 0; i < hidden_; ++i) {
        const double direct = rstd[row] * at(dy, i) * gain.Get(i);
        const double along = rstd[row] * rstd[row] * at(x, i) * mean;
        const double residual = with_residual_ ? at(past, i) : 0;
        dx[row * hidden_ + i] = direct - along + residual;
        dx_terms[row * hidden_ + i] = std::abs(direct) + std::abs(along);
      }
    }
    float* const gpu_dgain = UploadOnes(hidden_, "dgain");
    void* const in_place = with_residual_ ? Upload(past, "dx") : nullptr;
    void* const gpu_dx =
        with_residual_ ? in_place : Allocate(type_, rows_ * hidden_, "dx");
    cuda::LaunchRmsNormBackward(
        stream(), {.dx = gpu_dx,
                   .dgain = gpu_dgain,
                   .partial = Allocate<float>(
                       cuda::RowRanges(rows_, hidden_) * hidden_, "partial"),
                   .dy = Upload(dy, "dy"),
                   .x = Upload(x, "x"),
                   .gain = Upload(gain, "gain"),
                   .rstd = UploadStatistics(rstd, "rstd"),
                   .residual_gradient = in_place,
                   .rows = rows_,
                   .hidden = hidden_,
                   .type = ElementTypeOf(type_),
                   .gain_type = ElementTypeOf(gain_type_)});
    EXPECT_LE(ErrorOf(Download(type_, shape(), gpu_dx).values(), dx, dx_terms),
              backward_tolerance());
    EXPECT_LE(ErrorOf(DownloadFloats(gpu_dgain, hidden_), dgain, dgain_terms),
              2e-6);
    ExpectClean();
  }
}

}  // namespace
}  // namespace cogdist
