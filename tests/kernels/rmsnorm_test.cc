#include "kernels/rmsnorm.h"

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/planned_workspace.h"

namespace cogdist {
namespace {

constexpr double kEps = 1e-5;
constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16};

Doubles ReferenceRstd(const Doubles& x, int64_t hidden) {
  Doubles rstd(x.size() / hidden);
  for (size_t row = 0; row < rstd.size(); ++row) {
    double sum = 0;
    for (int64_t i = 0; i < hidden; ++i) {
      sum += x[row * hidden + i] * x[row * hidden + i];
    }
    rstd[row] = 1 / std::sqrt(sum / hidden + kEps);
  }
  return rstd;
}

Doubles Reference(const Doubles& x, const Doubles& gain) {
  const int64_t hidden = gain.size();
  const Doubles rstd = ReferenceRstd(x, hidden);
  Doubles y = x;
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] *= rstd[i / hidden] * gain[i % hidden];
  }
  return y;
}

class RmsNormTest : public KernelTest {};

TEST_F(RmsNormTest, ForwardWithAndWithoutResidual) {
  for (const DType dtype : kTypes) {
    for (const DType gain_dtype : kTypes) {
      for (const int64_t hidden : {1, 15, 16, 64, 129, 512}) {
        const Shape shape = {5, hidden};
        const HostTensor x = RandomTensor(dtype, shape, 1);
        const HostTensor residual = RandomTensor(dtype, shape, 2);
        const HostTensor gain = RandomTensor(gain_dtype, {hidden}, 3);
        ForEachTarget([&] {
          const HostTensor y(dtype, shape), sum(dtype, shape);
          const HostTensor rstd(DType::kFloat32, {5});
          RmsNormForward(
              stream_,
              {.y = y, .rstd = rstd, .x = x, .gain = gain, .eps = kEps});
          EXPECT_LE(
              RelativeError(y.values(), Reference(x.values(), gain.values())),
              Tolerance(dtype));
          EXPECT_LE(
              RelativeError(rstd.values(), ReferenceRstd(x.values(), hidden)),
              1e-6);

          RmsNormForward(stream_, {.y = y,
                                   .rstd = rstd,
                                   .sum = sum,
                                   .x = x,
                                   .residual = residual,
                                   .gain = gain,
                                   .eps = kEps});
          const HostTensor expected_sum(dtype, shape,
                                        Sum(x.values(), residual.values()));
          EXPECT_TRUE(sum.bytes() == expected_sum.bytes());
          EXPECT_LE(
              RelativeError(y.values(), Reference(sum.values(), gain.values())),
              Tolerance(dtype));
        });
      }
    }
  }
}

TEST_F(RmsNormTest, SumMayReplaceX) {
  const HostTensor x = RandomTensor(DType::kBFloat16, {3, 37}, 1);
  const HostTensor residual = RandomTensor(DType::kBFloat16, {3, 37}, 2);
  const HostTensor gain = RandomTensor(DType::kFloat32, {37}, 3);
  const HostTensor y(DType::kBFloat16, {3, 37}), rstd(DType::kFloat32, {3});
  const HostTensor expected(DType::kBFloat16, {3, 37},
                            Sum(x.values(), residual.values()));
  RmsNormForward(stream_, {.y = y,
                           .rstd = rstd,
                           .sum = x,
                           .x = x,
                           .residual = residual,
                           .gain = gain,
                           .eps = kEps});
  EXPECT_TRUE(x.bytes() == expected.bytes());
  EXPECT_LE(RelativeError(y.values(), Reference(x.values(), gain.values())),
            Tolerance(DType::kBFloat16));
}

TEST_F(RmsNormTest, BackwardAgainstDifferencesInFloat64) {
  for (const DType dtype : kTypes) {
    for (const int64_t hidden : {1, 15, 33}) {
      const Shape shape = {3, hidden};
      const HostTensor x = RandomTensor(dtype, shape, 1);
      const HostTensor dy = RandomTensor(dtype, shape, 2);
      const HostTensor past = RandomTensor(dtype, shape, 3);
      const HostTensor gain = RandomTensor(dtype, {hidden}, 4);
      const HostTensor rstd(DType::kFloat32, {3},
                            ReferenceRstd(x.values(), hidden));
      const Doubles dx_norm = NumericGradient(
          [&](const Doubles& at) {
            return Dot(Reference(at, gain.values()), dy.values());
          },
          x.values());
      const Doubles dgain_expected = NumericGradient(
          [&](const Doubles& at) {
            return Dot(Reference(x.values(), at), dy.values());
          },
          gain.values());
      ForEachTarget([&] {
        const HostTensor dx(dtype, shape);
        const HostTensor dgain = RandomTensor(DType::kFloat32, {hidden}, 5);
        const Doubles before = dgain.values();
        RmsNormBackwardArgs args = {.dx = dx,
                                    .dgain = dgain,
                                    .dy = dy,
                                    .x = x,
                                    .gain = gain,
                                    .rstd = rstd};
        RmsNormBackward(stream_, args);
        // One element alone has a gradient near 0, a difference of large terms.
        if (hidden > 1) {
          EXPECT_LE(RelativeError(dx.values(), dx_norm), Tolerance(dtype));
        }
        EXPECT_LE(RelativeError(dgain.values(), Sum(before, dgain_expected)),
                  1e-6);

        const HostTensor in_place(dtype, shape, past.values());
        args.dx = args.residual_gradient = in_place;
        RmsNormBackward(stream_, args);
        EXPECT_LE(RelativeError(in_place.values(), Sum(past.values(), dx_norm)),
                  Tolerance(dtype));
      });
    }
  }
}

TEST_F(RmsNormTest, ManyRowsSumToTheirGain) {
  const int64_t rows = 2000, hidden = 17;
  const HostTensor x = RandomTensor(DType::kFloat32, {rows, hidden}, 1);
  const HostTensor dy = RandomTensor(DType::kFloat32, {rows, hidden}, 2);
  const HostTensor gain = RandomTensor(DType::kFloat32, {hidden}, 3);
  const Doubles rstd_values = ReferenceRstd(x.values(), hidden);
  const HostTensor rstd(DType::kFloat32, {rows}, rstd_values);
  const HostTensor dx(DType::kFloat32, {rows, hidden});
  const HostTensor dgain(DType::kFloat32, {hidden});
  RmsNormBackward(
      stream_,
      {.dx = dx, .dgain = dgain, .dy = dy, .x = x, .gain = gain, .rstd = rstd});
  Doubles expected(hidden);
  for (int64_t i = 0; i < rows * hidden; ++i) {
    expected[i % hidden] += dy.Get(i) * x.Get(i) * rstd_values[i / hidden];
  }
  EXPECT_LE(RelativeError(dgain.values(), expected), 2e-6);
}

TEST_F(RmsNormTest, MetaDeviceRecordsTheWorkspace) {
  const HostTensor x = RandomTensor(DType::kFloat32, {70, 8}, 1);
  const HostTensor dx(DType::kFloat32, {70, 8}), rstd(DType::kFloat32, {70});
  const HostTensor gain(DType::kFloat32, {8}), dgain(DType::kFloat32, {8});
  const RmsNormBackwardArgs args = {
      .dx = dx, .dgain = dgain, .dy = x, .x = x, .gain = gain, .rstd = rstd};
  ExpectPlannedWorkspace(
      stream_, [&](Stream& stream) { RmsNormBackward(stream, args); });
}

TEST_F(RmsNormTest, RefusesAWrongGain) {
  const HostTensor x(DType::kFloat32, {2, 8}), rstd(DType::kFloat32, {2});
  const HostTensor gain(DType::kFloat32, {7});
  EXPECT_DEATH(
      RmsNormForward(stream_, {.y = x, .rstd = rstd, .x = x, .gain = gain}),
      "args.gain is float32\\[7\\], expected contiguous float32\\[8\\]");
}

}  // namespace
}  // namespace cogdist
