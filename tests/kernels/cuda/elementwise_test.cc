#include "kernels/cuda/elementwise_launch.h"

#include "kernels/rope.h"
#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaElementwiseTest : public GpuTest {};

// Tensors are slices of wider rows, as in a fused projection.
TEST_F(CudaElementwiseTest, Rope) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType type = dice.FloatType();
    const int64_t batch = dice.Between(1, 2), seq = dice.Between(1, 9);
    const int64_t heads = dice.Between(1, 3);
    const int64_t head_dim = dice.OneOf<int64_t>({2, 6, 16, 64});
    const int64_t first = dice.Between(0, 5), positions = first + seq;
    const int64_t gap = dice.OneOf<int64_t>({0, 3, 16});
    const int64_t row = heads * head_dim + gap, half = head_dim / 2;
    const bool inverse = dice.Flip();
    const HostTensor x = RandomTensor(type, {batch * seq, row}, seed);
    const std::vector<float> table = RopeTable(positions, head_dim, 10000);
    void* const gpu_x = Upload(x, "x");
    cuda::LaunchRope(stream(), {.x = gpu_x,
                                .table = Upload(table, "table"),
                                .batch = batch,
                                .seq = seq,
                                .heads = heads,
                                .head_dim = head_dim,
                                .batch_stride = seq * row,
                                .seq_stride = row,
                                .head_stride = head_dim,
                                .max_positions = positions,
                                .first_position = first,
                                .inverse = inverse,
                                .type = ElementTypeOf(type)});
    ExpectClean();
    Doubles expected = x.values();
    for (int64_t token = 0; token < batch * seq; ++token) {
      for (int64_t i = 0; i < heads * half; ++i) {
        double* const a =
            &expected[token * row + i / half * head_dim + i % half];
        double* const b = a + half;
        const double angle = (first + token % seq) *
                             std::pow(10000.0, -2.0 * (i % half) / head_dim) *
                             (inverse ? -1 : 1);
        const double old_a = *a;
        *a = old_a * std::cos(angle) - *b * std::sin(angle);
        *b = *b * std::cos(angle) + old_a * std::sin(angle);
      }
    }
    EXPECT_LE(RelativeError(Download(type, {batch * seq, row}, gpu_x).values(),
                            expected),
              Tolerance(type));
  }
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST_F(CudaElementwiseTest, SwiGlu) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType type = dice.FloatType();
    const int64_t rows = dice.Between(1, 7);
    const int64_t ffn = dice.OneOf<int64_t>({1, 5, 8, 33, 264});
    const HostTensor gate_up =
        RandomTensor(type, {rows, 2 * ffn}, 2 * seed, dice.OneOf({1.0, 40.0}));
    const HostTensor dy = RandomTensor(type, {rows, ffn}, 2 * seed + 1);
    void* const y = Allocate(type, rows * ffn, "y");
    void* const from = Upload(gate_up, "gate_up");
    cuda::LaunchSwiGluForward(stream(), {.y = y,
                                         .gate_up = from,
                                         .rows = rows,
                                         .ffn = ffn,
                                         .type = ElementTypeOf(type)});
    void* const to =
        dice.Flip() ? from : Allocate(type, rows * 2 * ffn, "d_gate_up");
    cuda::LaunchSwiGluBackward(stream(), {.d_gate_up = to,
                                          .dy = Upload(dy, "dy"),
                                          .gate_up = from,
                                          .rows = rows,
                                          .ffn = ffn,
                                          .type = ElementTypeOf(type)});
    ExpectClean();
    Doubles expected(rows * ffn), gradient(rows * 2 * ffn);
    for (int64_t i = 0; i < rows * ffn; ++i) {
      const int64_t at = i / ffn * 2 * ffn + i % ffn;
      const double gate = gate_up.Get(at), up = gate_up.Get(at + ffn);
      const double s = Sigmoid(gate);
      expected[i] = gate * s * up;
      gradient[at] = dy.Get(i) * up * (s + gate * s * (1 - s));
      gradient[at + ffn] = dy.Get(i) * gate * s;
    }
    EXPECT_LE(RelativeError(Download(type, {rows, ffn}, y).values(), expected),
              Tolerance(type));
    EXPECT_LE(
        RelativeError(Download(type, {rows, 2 * ffn}, to).values(), gradient),
        Tolerance(type));
  }
}

// Two updates in float64 against two on the device.
TEST_F(CudaElementwiseTest, AdamW) {
  constexpr double kLr = 1e-2, kBeta1 = 0.9, kBeta2 = 0.95, kEps = 1e-8;
  constexpr double kDecay = 0.1;
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const int64_t n = dice.OneOf<int64_t>({1, 8, 31, 1000, 2048, 5000});
    const HostTensor param = RandomTensor(DType::kFloat32, {n}, 3 * seed);
    const HostTensor gradient =
        RandomTensor(DType::kFloat32, {n}, 3 * seed + 1, 0.1);
    const HostTensor zeros(DType::kFloat32, {n}, Doubles(n));
    const bool with_weight = dice.Flip();
    void* const weight =
        with_weight ? Allocate(DType::kBFloat16, n, "weight") : nullptr;
    cuda::AdamWLaunch args = {.param = UploadFloats(param, "param"),
                              .m = UploadFloats(zeros, "m"),
                              .v = UploadFloats(zeros, "v"),
                              .weight = static_cast<uint16_t*>(weight),
                              .gradient = UploadFloats(gradient, "gradient"),
                              .n = n,
                              .gradient_scale = 0.5f,
                              .beta1 = kBeta1,
                              .one_minus_beta1 = 1 - kBeta1,
                              .beta2 = kBeta2,
                              .one_minus_beta2 = 1 - kBeta2,
                              .minus_decay = -kLr * kDecay,
                              .eps = kEps};
    Doubles p = param.values(), m(n), v(n);
    for (int t = 1; t <= 2; ++t) {
      const double correction1 = 1 - std::pow(kBeta1, t);
      const double correction2 = 1 - std::pow(kBeta2, t);
      args.step = -kLr / correction1;
      args.v_correction = 1 / correction2;
      cuda::LaunchAdamW(stream(), args);
      for (int64_t i = 0; i < n; ++i) {
        const double g = 0.5 * gradient.Get(i);
        m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
        v[i] = kBeta2 * v[i] + (1 - kBeta2) * g * g;
        p[i] *= 1 - kLr * kDecay;
        p[i] -=
            kLr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + kEps);
      }
    }
    ExpectClean();
    EXPECT_LE(RelativeError(DownloadFloats(args.param, n), p), 1e-6);
    EXPECT_LE(RelativeError(DownloadFloats(args.m, n), m), 1e-6);
    EXPECT_LE(RelativeError(DownloadFloats(args.v, n), v), 1e-6);
    if (!with_weight) continue;
    EXPECT_LE(
        RelativeError(Download(DType::kBFloat16, {n}, weight).values(), p),
        Tolerance(DType::kBFloat16));
  }
}

TEST_F(CudaElementwiseTest, CastAndAdd) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType from_type = dice.FloatType(), to_type = dice.FloatType();
    const int64_t n = dice.OneOf<int64_t>({1, 8, 77, 4096});
    const HostTensor x = RandomTensor(from_type, {n}, 2 * seed);
    const HostTensor y = RandomTensor(from_type, {n}, 2 * seed + 1);
    void* const from = Upload(x, "from");
    void* const to = Allocate(to_type, n, "to");
    cuda::LaunchCast(stream(), {.to = to,
                                .from = from,
                                .n = n,
                                .runs = {.run = n},
                                .to_type = ElementTypeOf(to_type),
                                .from_type = ElementTypeOf(from_type)});
    void* const sum = Upload(y, "sum");
    cuda::LaunchAdd(stream(), {.y = sum,
                               .x = from,
                               .n = n,
                               .runs = {.run = n},
                               .type = ElementTypeOf(from_type)});
    ExpectClean();
    const HostTensor cast(to_type, {n}, x.values());
    EXPECT_EQ(Download(to_type, {n}, to).bytes(), cast.bytes());
    const HostTensor added(from_type, {n}, Sum(x.values(), y.values()));
    EXPECT_EQ(Download(from_type, {n}, sum).bytes(), added.bytes());
  }
}

// Slices of wider rows, as keys are of a fused projection, to and from.
TEST_F(CudaElementwiseTest, CastAndAddOfSlices) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType from_type = dice.FloatType(), to_type = dice.FloatType();
    const Shape shape = {dice.Between(1, 2), dice.Between(1, 9),
                         dice.Between(1, 3), dice.OneOf<int64_t>({1, 6, 16})};
    const int64_t wide = shape.dim(3) + dice.OneOf<int64_t>({0, 3, 8});
    const int64_t rows = shape.num_elements() / shape.dim(3);
    const HostTensor x = RandomTensor(from_type, {rows * wide}, 2 * seed);
    const HostTensor y = RandomTensor(from_type, shape, 2 * seed + 1);
    const TensorView slice =
        TensorView(Upload(x, "from"), from_type,
                   {shape.dim(0), shape.dim(1), shape.dim(2), wide})
            .Slice(3, 0, shape.dim(3));
    const TensorView cast(Allocate(to_type, y.values().size(), "to"), to_type,
                          shape);
    const TensorView sum(Upload(y, "sum"), from_type, shape);
    cuda::LaunchCast(stream(), {.to = cast.data,
                                .from = slice.data,
                                .n = cast.num_elements(),
                                .runs = RunsOf(cast, slice),
                                .to_type = ElementTypeOf(to_type),
                                .from_type = ElementTypeOf(from_type)});
    cuda::LaunchAdd(stream(), {.y = sum.data,
                               .x = slice.data,
                               .n = sum.num_elements(),
                               .runs = RunsOf(sum, slice),
                               .type = ElementTypeOf(from_type)});
    ExpectClean();
    Doubles held;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < shape.dim(3); ++i) {
        held.push_back(x.Get(row * wide + i));
      }
    }
    EXPECT_EQ(Download(to_type, shape, cast.data).bytes(),
              HostTensor(to_type, shape, held).bytes());
    EXPECT_EQ(Download(from_type, shape, sum.data).bytes(),
              HostTensor(from_type, shape, Sum(held, y.values())).bytes());
  }
}

TEST_F(CudaElementwiseTest, LocalPosition) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const int64_t n = dice.OneOf<int64_t>({1, 7, 256, 1000});
    const int64_t length = dice.Between(0, 40), first = dice.Between(0, 50);
    const int64_t second = first + length + dice.Between(0, 50);
    std::vector<int32_t> from(n), expected(n);
    for (int64_t i = 0; i < n; ++i) {
      from[i] = static_cast<int32_t>(dice.Between(0, 200));
      for (int64_t t = 0; t < length; ++t) {
        expected[i] += (first + t < from[i]) + (second + t < from[i]);
      }
    }
    int32_t* const to = Allocate<int32_t>(n, "to");
    cuda::LaunchLocalPosition(stream(), {.to = to,
                                         .from = Upload(from, "from"),
                                         .n = n,
                                         .begin = {first, second},
                                         .length = length});
    std::vector<int32_t> result(n);
    EXPECT_EQ(emulator_.memory().Read(result.data(), to, n * sizeof(*to)),
              std::nullopt);
    ExpectClean();
    EXPECT_EQ(result, expected);
  }
}

}  // namespace
}  // namespace cogdist
