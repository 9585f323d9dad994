#include "kernels/adamw.h"

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

struct State {
  Doubles param, m, v;
};

void ReferenceStep(State& state, const Doubles& gradient,
                   const AdamWArgs& args) {
  for (size_t i = 0; i < gradient.size(); ++i) {
    const double g = args.gradient_scale * gradient[i];
    double& m = state.m[i];
    double& v = state.v[i];
    double& p = state.param[i];
    m = args.beta1 * m + (1 - args.beta1) * g;
    v = args.beta2 * v + (1 - args.beta2) * g * g;
    p -= p * args.lr * args.weight_decay;
    p -= args.lr * (m / (1 - std::pow(args.beta1, args.t))) /
         (std::sqrt(v / (1 - std::pow(args.beta2, args.t))) + args.eps);
  }
}

class AdamWTest : public KernelTest {};

TEST_F(AdamWTest, TenStepsAgainstFloat64) {
  for (const int64_t n : {1, 15, 16, 1000, 9001}) {
    ForEachTarget([&] {
      const HostTensor param = RandomTensor(DType::kFloat32, {n}, 1);
      const HostTensor m(DType::kFloat32, {n}), v(DType::kFloat32, {n});
      const HostTensor weight(DType::kBFloat16, {n});
      State expected = {param.values(), m.values(), v.values()};
      for (int64_t t = 1; t <= 10; ++t) {
        const HostTensor gradient =
            RandomTensor(DType::kFloat32, {n}, 10 + t, 1e-3);
        const AdamWArgs args = {.param = param,
                                .m = m,
                                .v = v,
                                .weight = weight,
                                .gradient = gradient,
                                .gradient_scale = 0.25f,
                                .lr = 3e-3,
                                .beta2 = 0.999,
                                .weight_decay = 0.1,
                                .t = t};
        ReferenceStep(expected, gradient.values(), args);
        AdamW(stream_, args);
      }
      EXPECT_LE(RelativeError(param.values(), expected.param), 1e-6);
      EXPECT_LE(RelativeError(m.values(), expected.m), 1e-6);
      EXPECT_LE(RelativeError(v.values(), expected.v), 1e-6);
      const HostTensor rounded(DType::kBFloat16, {n}, param.values());
      EXPECT_TRUE(weight.bytes() == rounded.bytes());
    });
  }
}

TEST_F(AdamWTest, FirstStepHasTheSizeOfTheLearningRate) {
  const HostTensor param(DType::kFloat32, {3}, {1, 1, 1});
  const HostTensor m(DType::kFloat32, {3}), v(DType::kFloat32, {3});
  const HostTensor gradient(DType::kFloat32, {3}, {5, -1e-3, 0});
  AdamW(stream_,
        {.param = param, .m = m, .v = v, .gradient = gradient, .lr = 0.125});
  EXPECT_NEAR(param.Get(0), 0.875, 1e-6);
  EXPECT_NEAR(param.Get(1), 1.125, 2e-6);
  EXPECT_EQ(param.Get(2), 1);
}

TEST_F(AdamWTest, BiasCorrectionIsExactLateInTraining) {
  const int64_t t = 1000000;
  const HostTensor param(DType::kFloat32, {1}, {0.5});
  const HostTensor m(DType::kFloat32, {1}, {0.01});
  const HostTensor v(DType::kFloat32, {1}, {0.0004});
  const HostTensor gradient(DType::kFloat32, {1}, {0.02});
  State expected = {param.values(), m.values(), v.values()};
  const AdamWArgs args = {.param = param,
                          .m = m,
                          .v = v,
                          .gradient = gradient,
                          .lr = 1e-2,
                          .beta2 = 0.9999999,
                          .t = t};
  ReferenceStep(expected, gradient.values(), args);
  AdamW(stream_, args);
  EXPECT_NEAR(param.Get(0), expected.param[0], 1e-7);
}

// One element's change is lost in its rounding, but not that of many.
TEST_F(AdamWTest, SmallDecayIsUnbiased) {
  const int64_t n = 100'000;
  ForEachTarget([&] {
    const HostTensor param = RandomTensor(DType::kFloat32, {n}, 1);
    const HostTensor zeros(DType::kFloat32, {n});
    const HostTensor m(DType::kFloat32, {n}), v(DType::kFloat32, {n});
    const auto total = [&] {
      double sum = 0;
      for (const double p : param.values()) sum += std::abs(p);
      return sum;
    };
    const double before = total();
    AdamW(stream_, {.param = param,
                    .m = m,
                    .v = v,
                    .gradient = zeros,
                    .lr = 3.2e-5,
                    .weight_decay = 0.1});
    EXPECT_NEAR((before - total()) / before, 3.2e-6, 0.002 * 3.2e-6);
  });
}

TEST_F(AdamWTest, RefusesBuffersOfDifferentSizes) {
  const HostTensor a(DType::kFloat32, {3}), b(DType::kFloat32, {4});
  EXPECT_DEATH(AdamW(stream_, {.param = a, .m = a, .v = b, .gradient = a}),
               "args.v is float32\\[4\\], expected contiguous float32\\[3\\]");
}

}  // namespace
}  // namespace cogdist
