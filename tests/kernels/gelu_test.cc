#include "kernels/gelu.h"

#include <limits>

#include "runtime/meta/meta_device.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

// Without cancellation in the lower tail.
double Phi(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double Gelu(double x) { return x * Phi(x); }
double GeluSlope(double x) {
  return Phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
}

// The sum of gelu(x + bias) dy.
double Loss(const Doubles& x, const Doubles& bias, const Doubles& dy) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += Gelu(x[i] + bias[i % bias.size()]) * dy[i];
  }
  return sum;
}

class GeluTest : public KernelTest {
 protected:
  // gelu(x) of the current instruction set, or its slope.
  Doubles Values(const HostTensor& x) {
    const HostTensor y(DType::kFloat32, x.view().shape);
    GeluForward(stream_, {.y = y, .x = x});
    return y.values();
  }
  Doubles Slopes(const HostTensor& x) {
    const int64_t n = x.view().num_elements();
    const HostTensor ones(DType::kFloat32, {1, n}, Doubles(n, 1));
    const HostTensor dx(DType::kFloat32, {1, n});
    GeluBackward(stream_, {.dx = dx, .dy = ones, .x = x});
    return dx.values();
  }
};

TEST_F(GeluTest, ForwardAndBackwardAgainstFloat64) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const DType bias_dtype : {DType::kFloat32, DType::kBFloat16}) {
      for (const int64_t ffn : {1, 16, 31, 100}) {
        const Shape shape = {3, ffn};
        const HostTensor x = RandomTensor(dtype, shape, 1, 2);
        const HostTensor dy = RandomTensor(dtype, shape, 2);
        const HostTensor bias = RandomTensor(bias_dtype, {ffn}, 3);
        Doubles expected = x.values();
        for (int64_t i = 0; i < 3 * ffn; ++i) {
          expected[i] = Gelu(expected[i] + bias.Get(i % ffn));
        }
        const Doubles gradient = NumericGradient(
            [&](const Doubles& at) {
              return Loss(at, bias.values(), dy.values());
            },
            x.values());
        const Doubles bias_gradient = NumericGradient(
            [&](const Doubles& at) {
              return Loss(x.values(), at, dy.values());
            },
            bias.values());
        ForEachTarget([&] {
          const HostTensor y(dtype, shape), dx(dtype, shape);
          const HostTensor dbias = RandomTensor(DType::kFloat32, {ffn}, 4);
          const Doubles before = dbias.values();
          GeluForward(stream_, {.y = y, .x = x, .bias = bias});
          EXPECT_LE(RelativeError(y.values(), expected), Tolerance(dtype));
          GeluBackwardArgs args = {
              .dx = dx, .dbias = dbias, .dy = dy, .x = x, .bias = bias};
          GeluBackward(stream_, args);
          EXPECT_LE(RelativeError(dx.values(), gradient), Tolerance(dtype));
          EXPECT_LE(RelativeError(dbias.values(), Sum(before, bias_gradient)),
                    1e-6);

          args.dbias = {};
          const HostTensor in_place(dtype, shape, x.values());
          args.dx = args.x = in_place;
          GeluBackward(stream_, args);
          EXPECT_TRUE(in_place.bytes() == dx.bytes());
          const HostTensor y_in_place(dtype, shape, x.values());
          GeluForward(stream_,
                      {.y = y_in_place, .x = y_in_place, .bias = bias});
          EXPECT_TRUE(y_in_place.bytes() == y.bytes());
        });
      }
    }
  }
}

// Float32 in small steps: the error relative to the value, down to where Phi is
// no normal number any more.
TEST_F(GeluTest, FewUlpOverAllOfFloat32) {
  constexpr double kUlp = 0x1p-23, kLeast = 0x1p-122;
  Doubles values;
  for (double magnitude = 1e-30; magnitude < 1e30; magnitude *= 1.0007) {
    values.push_back(magnitude);
    values.push_back(-magnitude);
  }
  for (double x = -14; x < 8; x += 1e-3) values.push_back(x);
  const int64_t n = values.size();
  const HostTensor x(DType::kFloat32, {1, n}, values);
  ForEachTarget([&] {
    const Doubles y = Values(x), slope = Slopes(x);
    double worst = 0, worst_slope = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double at = x.Get(i), expected = Gelu(at);
      const double error = std::abs(y[i] - expected);
      if (std::abs(expected) > kLeast) {
        worst = std::max(worst, error / std::abs(expected));
      } else {
        EXPECT_LE(error, kLeast) << at;
      }
      // The slope's two terms cancel at its zero, near -0.75.
      const double terms =
          Phi(at) + std::abs(at) * std::exp(-at * at / 2) * 0.3989;
      const double slope_error = std::abs(slope[i] - GeluSlope(at));
      if (terms > kLeast) {
        worst_slope = std::max(worst_slope, slope_error / terms);
      } else {
        EXPECT_LE(slope_error, kLeast) << at;
      }
    }
    EXPECT_LE(worst, 4 * kUlp);
    EXPECT_LE(worst_slope, 4 * kUlp);
  });
}

TEST_F(GeluTest, ExtremesSaturateAndNanStays) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const HostTensor x(DType::kFloat32, {1, 5},
                     {1e30, -1e30, 0, kInfinity, std::nan("")});
  ForEachTarget([&] {
    const Doubles y = Values(x), slope = Slopes(x);
    EXPECT_EQ(y[0], x.Get(0));
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[2], 0);
    EXPECT_EQ(y[3], kInfinity);
    EXPECT_TRUE(std::isnan(y[4]));
    EXPECT_EQ(slope[0], 1);
    EXPECT_EQ(slope[1], 0);
    EXPECT_EQ(slope[2], 0.5);
    EXPECT_TRUE(std::isnan(slope[4]));
  });
}

TEST_F(GeluTest, MetaDeviceRecordsTheWorkspace) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  const HostTensor x(DType::kFloat32, {70, 8}), dbias(DType::kFloat32, {8});
  GeluBackwardArgs args = {.dx = x, .dy = x, .x = x};
  GeluBackward(*planned, args);
  EXPECT_EQ(planned->workspace_bytes(), 0);
  args.dbias = dbias;
  GeluBackward(*planned, args);
  GeluBackward(stream_, args);
  EXPECT_EQ(planned->workspace_bytes(), stream_.workspace_bytes());
  EXPECT_GT(planned->workspace_bytes(), 0);
}

TEST_F(GeluTest, RefusesABiasOfAnotherWidth) {
  const HostTensor x(DType::kFloat32, {2, 4}), bias(DType::kFloat32, {3});
  EXPECT_DEATH(GeluForward(stream_, {.y = x, .x = x, .bias = bias}),
               "args.bias is float32\\[3\\], expected contiguous "
               "float32\\[4\\]");
}

}  // namespace
}  // namespace cogdist
