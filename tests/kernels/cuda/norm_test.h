// What the tests of RMSNorm's and LayerNorm's kernels share: their cases.

#ifndef COGDIST_TESTS_KERNELS_CUDA_NORM_TEST_H_
#define COGDIST_TESTS_KERNELS_CUDA_NORM_TEST_H_

#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {

class CudaNormTest : public GpuTest {
 protected:
  static constexpr float kEps = 1e-5f;

  // Begins the case of `seed`; the dice may be thrown on.
  CaseDice Draw(int seed) {
    Begin(seed);
    CaseDice dice(seed);
    type_ = dice.FloatType();
    gain_type_ = dice.FloatType();
    rows_ = dice.Between(1, 5);
    hidden_ = dice.OneOf<int64_t>({1, 7, 32, 129, 264, 2056});
    with_residual_ = dice.Flip();
    return dice;
  }
  // Of a backward pass: now and then more rows than there are ranges.
  void DrawBackward(int seed) {
    Draw(seed);
    if (seed % 50 != 0) return;
    rows_ = 300;
    hidden_ = 40;
  }

  Shape shape() const { return {rows_, hidden_}; }
  double backward_tolerance() const {
    return type_ == DType::kFloat32 ? 2e-6 : 8e-3;
  }

  // What is normalised; the kernel has to have written that to `sum`.
  Doubles SumOf(const HostTensor& x, const HostTensor& residual,
                const void* sum) {
    if (!with_residual_) return x.values();
    const HostTensor rounded(type_, shape(),
                             Sum(x.values(), residual.values()));
    EXPECT_LE(
        RelativeError(Download(type_, shape(), sum).values(), rounded.values()),
        0);
    return rounded.values();
  }
  float* UploadOnes(int64_t count, const char* name) {
    return UploadFloats(HostTensor(DType::kFloat32, {count}, Doubles(count, 1)),
                        name);
  }
  float* UploadStatistics(const Doubles& values, const char* name) {
    return UploadFloats(HostTensor(DType::kFloat32, {rows_}, values), name);
  }

  DType type_, gain_type_;
  int64_t rows_, hidden_;
  bool with_residual_;
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_CUDA_NORM_TEST_H_
