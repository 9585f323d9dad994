#include "kernels/layernorm.h"

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/planned_workspace.h"

namespace cogdist {
namespace {

constexpr double kEps = 1e-5;
constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16};

struct ReferenceStatistics {
  Doubles mean, rstd;
};

ReferenceStatistics StatisticsOf(const Doubles& x, int64_t hidden) {
  const size_t rows = x.size() / hidden;
  ReferenceStatistics result = {Doubles(rows), Doubles(rows)};
  for (size_t row = 0; row < rows; ++row) {
    double& mean = result.mean[row];
    double variance = 0;
    for (int64_t i = 0; i < hidden; ++i) mean += x[row * hidden + i] / hidden;
    for (int64_t i = 0; i < hidden; ++i) {
      variance += std::pow(x[row * hidden + i] - mean, 2) / hidden;
    }
    result.rstd[row] = 1 / std::sqrt(variance + kEps);
  }
  return result;
}

Doubles Reference(const Doubles& x, const Doubles& gain, const Doubles& bias) {
  const int64_t hidden = gain.size();
  const auto [mean, rstd] = StatisticsOf(x, hidden);
  Doubles y = x;
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = (y[i] - mean[i / hidden]) * rstd[i / hidden] * gain[i % hidden] +
           bias[i % hidden];
  }
  return y;
}

class LayerNormTest : public KernelTest {};

TEST_F(LayerNormTest, ForwardWithAndWithoutResidual) {
  for (const DType dtype : kTypes) {
    for (const DType gain_dtype : kTypes) {
      for (const int64_t hidden : {1, 15, 16, 64, 129, 512}) {
        const Shape shape = {5, hidden};
        const HostTensor x = RandomTensor(dtype, shape, 1);
        const HostTensor residual = RandomTensor(dtype, shape, 2);
        const HostTensor gain = RandomTensor(gain_dtype, {hidden}, 3);
        const HostTensor bias = RandomTensor(gain_dtype, {hidden}, 4);
        const auto expect_norm = [&](const HostTensor& y, const HostTensor& s) {
          EXPECT_LE(
              RelativeError(y.values(), Reference(s.values(), gain.values(),
                                                  bias.values())),
              Tolerance(dtype));
        };
        ForEachTarget([&] {
          const HostTensor y(dtype, shape), sum(dtype, shape);
          const HostTensor mean(DType::kFloat32, {5}),
              rstd = HostTensor(DType::kFloat32, {5});
          LayerNormForwardArgs args = {.y = y,
                                       .mean = mean,
                                       .rstd = rstd,
                                       .x = x,
                                       .gain = gain,
                                       .bias = bias,
                                       .eps = kEps};
          LayerNormForward(stream_, args);
          expect_norm(y, x);
          const auto expected = StatisticsOf(x.values(), hidden);
          for (int row = 0; row < 5; ++row) {
            EXPECT_NEAR(mean.Get(row), expected.mean[row], 1e-6);
          }
          EXPECT_LE(RelativeError(rstd.values(), expected.rstd), 1e-6);

          args.residual = residual;
          args.sum = sum;
          LayerNormForward(stream_, args);
          const HostTensor expected_sum(dtype, shape,
                                        Sum(x.values(), residual.values()));
          EXPECT_TRUE(sum.bytes() == expected_sum.bytes());
          expect_norm(y, sum);
        });
      }
    }
  }
}

TEST_F(LayerNormTest, SumMayReplaceX) {
  const Shape shape = {3, 37};
  const HostTensor x = RandomTensor(DType::kBFloat16, shape, 1);
  const HostTensor residual = RandomTensor(DType::kBFloat16, shape, 2);
  const HostTensor gain = RandomTensor(DType::kFloat32, {37}, 3);
  const HostTensor y(DType::kBFloat16, shape), mean(DType::kFloat32, {3});
  const HostTensor rstd(DType::kFloat32, {3});
  const HostTensor expected(DType::kBFloat16, shape,
                            Sum(x.values(), residual.values()));
  LayerNormForward(stream_, {.y = y,
                             .mean = mean,
                             .rstd = rstd,
                             .sum = x,
                             .x = x,
                             .residual = residual,
                             .gain = gain,
                             .bias = gain,
                             .eps = kEps});
  EXPECT_TRUE(x.bytes() == expected.bytes());
  EXPECT_LE(RelativeError(y.values(),
                          Reference(x.values(), gain.values(), gain.values())),
            Tolerance(DType::kBFloat16));
}

// mean(x^2) - mean(x)^2 would lose all digits of the variance.
TEST_F(LayerNormTest, ALargeMeanCostsNoMoreThanItsRounding) {
  constexpr int64_t kHidden = 1000;
  for (const double offset : {1e2, -1e4}) {
    const HostTensor noise = RandomTensor(DType::kFloat32, {4, kHidden}, 1);
    Doubles values = noise.values();
    for (double& value : values) value += offset;
    const HostTensor x(DType::kFloat32, {4, kHidden}, values);
    const HostTensor gain = RandomTensor(DType::kFloat32, {kHidden}, 2);
    const HostTensor bias = RandomTensor(DType::kFloat32, {kHidden}, 3);
    ForEachTarget([&] {
      const HostTensor y(DType::kFloat32, {4, kHidden});
      const HostTensor mean(DType::kFloat32, {4}), rstd(DType::kFloat32, {4});
      LayerNormForward(stream_, {.y = y,
                                 .mean = mean,
                                 .rstd = rstd,
                                 .x = x,
                                 .gain = gain,
                                 .bias = bias,
                                 .eps = kEps});
      const auto expected = StatisticsOf(x.values(), kHidden);
      EXPECT_LE(RelativeError(rstd.values(), expected.rstd), 1e-6);
      EXPECT_LE(RelativeError(y.values(), Reference(x.values(), gain.values(),
                                                    bias.values())),
                1e-6 + std::abs(offset) * 0x1p-24);
    });
  }
}

TEST_F(LayerNormTest, BackwardAgainstDifferencesInFloat64) {
  for (const DType dtype : kTypes) {
    // Of one or two elements the gradient is 0.
    for (const int64_t hidden : {5, 15, 33}) {
      const Shape shape = {3, hidden};
      const HostTensor x = RandomTensor(dtype, shape, 1);
      const HostTensor dy = RandomTensor(dtype, shape, 2);
      const HostTensor past = RandomTensor(dtype, shape, 3);
      const HostTensor gain = RandomTensor(dtype, {hidden}, 4);
      const HostTensor bias = RandomTensor(dtype, {hidden}, 5);
      const auto statistics = StatisticsOf(x.values(), hidden);
      const HostTensor mean(DType::kFloat32, {3}, statistics.mean);
      const HostTensor rstd(DType::kFloat32, {3}, statistics.rstd);
      const auto gradient = [&](int which, const HostTensor& of) {
        return NumericGradient(
            [&](const Doubles& at) {
              return Dot(Reference(which == 0 ? at : x.values(),
                                   which == 1 ? at : gain.values(),
                                   which == 2 ? at : bias.values()),
                         dy.values());
            },
            of.values());
      };
      const Doubles dx_norm = gradient(0, x);
      const Doubles dgain_expected = gradient(1, gain);
      const Doubles dbias_expected = gradient(2, bias);
      ForEachTarget([&] {
        const HostTensor dx(dtype, shape);
        const HostTensor dgain = RandomTensor(DType::kFloat32, {hidden}, 6);
        const HostTensor dbias = RandomTensor(DType::kFloat32, {hidden}, 7);
        const Doubles dgain_before = dgain.values();
        const Doubles dbias_before = dbias.values();
        LayerNormBackwardArgs args = {.dx = dx,
                                      .dgain = dgain,
                                      .dbias = dbias,
                                      .dy = dy,
                                      .x = x,
                                      .gain = gain,
                                      .mean = mean,
                                      .rstd = rstd};
        LayerNormBackward(stream_, args);
        EXPECT_LE(RelativeError(dx.values(), dx_norm), Tolerance(dtype));
        EXPECT_LE(
            RelativeError(dgain.values(), Sum(dgain_before, dgain_expected)),
            1e-6);
        EXPECT_LE(
            RelativeError(dbias.values(), Sum(dbias_before, dbias_expected)),
            1e-6);

        const HostTensor in_place(dtype, shape, past.values());
        args.dx = args.residual_gradient = in_place;
        LayerNormBackward(stream_, args);
        EXPECT_LE(RelativeError(in_place.values(), Sum(past.values(), dx_norm)),
                  Tolerance(dtype));
      });
    }
  }
}

TEST_F(LayerNormTest, ManyRowsSumToTheirGradients) {
  const int64_t rows = 2000, hidden = 17;
  const HostTensor x = RandomTensor(DType::kFloat32, {rows, hidden}, 1);
  const HostTensor dy = RandomTensor(DType::kFloat32, {rows, hidden}, 2);
  const HostTensor gain = RandomTensor(DType::kFloat32, {hidden}, 3);
  const auto statistics = StatisticsOf(x.values(), hidden);
  const HostTensor mean(DType::kFloat32, {rows}, statistics.mean);
  const HostTensor rstd(DType::kFloat32, {rows}, statistics.rstd);
  const HostTensor dx(DType::kFloat32, {rows, hidden});
  const HostTensor dgain(DType::kFloat32, {hidden});
  const HostTensor dbias(DType::kFloat32, {hidden});
  LayerNormBackward(stream_, {.dx = dx,
                              .dgain = dgain,
                              .dbias = dbias,
                              .dy = dy,
                              .x = x,
                              .gain = gain,
                              .mean = mean,
                              .rstd = rstd});
  Doubles expected_gain(hidden), expected_bias(hidden);
  for (int64_t i = 0; i < rows * hidden; ++i) {
    const int64_t row = i / hidden;
    expected_gain[i % hidden] +=
        dy.Get(i) * (x.Get(i) - statistics.mean[row]) * statistics.rstd[row];
    expected_bias[i % hidden] += dy.Get(i);
  }
  EXPECT_LE(RelativeError(dgain.values(), expected_gain), 2e-6);
  EXPECT_LE(RelativeError(dbias.values(), expected_bias), 2e-6);
}

TEST_F(LayerNormTest, MetaDeviceRecordsTheWorkspace) {
  const HostTensor x = RandomTensor(DType::kFloat32, {70, 8}, 1);
  const HostTensor dx(DType::kFloat32, {70, 8});
  const HostTensor mean(DType::kFloat32, {70}), rstd(DType::kFloat32, {70});
  const HostTensor gain(DType::kFloat32, {8}), dgain(DType::kFloat32, {8});
  const HostTensor dbias(DType::kFloat32, {8});
  const LayerNormBackwardArgs args = {.dx = dx,
                                      .dgain = dgain,
                                      .dbias = dbias,
                                      .dy = x,
                                      .x = x,
                                      .gain = gain,
                                      .mean = mean,
                                      .rstd = rstd};
  ExpectPlannedWorkspace(
      stream_, [&](Stream& stream) { LayerNormBackward(stream, args); });
}

TEST_F(LayerNormTest, RefusesABiasOfAnotherType) {
  const HostTensor x(DType::kFloat32, {2, 8}), rstd(DType::kFloat32, {2});
  const HostTensor gain(DType::kFloat32, {8}), bias(DType::kBFloat16, {8});
  EXPECT_DEATH(LayerNormForward(stream_, {.y = x,
                                          .mean = rstd,
                                          .rstd = rstd,
                                          .x = x,
                                          .gain = gain,
                                          .bias = bias}),
               "args.bias is bfloat16\\[8\\], expected contiguous "
               "float32\\[8\\]");
}

}  // namespace
}  // namespace cogdist
