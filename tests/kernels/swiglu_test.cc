#include "kernels/swiglu.h"

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

Doubles Reference(const Doubles& gate_up, int64_t ffn) {
  Doubles y(gate_up.size() / 2);
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t gate = i / ffn * 2 * ffn + i % ffn;
    const double g = gate_up[gate];
    y[i] = g / (1 + std::exp(-g)) * gate_up[gate + ffn];
  }
  return y;
}

class SwiGluTest : public KernelTest {};

TEST_F(SwiGluTest, ForwardAndBackwardAgainstFloat64) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t ffn : {1, 16, 31, 100}) {
      const HostTensor gate_up = RandomTensor(dtype, {3, 2 * ffn}, 1, 3);
      const HostTensor dy = RandomTensor(dtype, {3, ffn}, 2);
      const Doubles gradient = NumericGradient(
          [&](const Doubles& at) {
            return Dot(Reference(at, ffn), dy.values());
          },
          gate_up.values());
      ForEachTarget([&] {
        const HostTensor y(dtype, {3, ffn}), d_gate_up(dtype, {3, 2 * ffn});
        SwiGluForward(stream_, {.y = y, .gate_up = gate_up});
        EXPECT_LE(RelativeError(y.values(), Reference(gate_up.values(), ffn)),
                  Tolerance(dtype));
        SwiGluBackward(stream_,
                       {.d_gate_up = d_gate_up, .dy = dy, .gate_up = gate_up});
        EXPECT_LE(RelativeError(d_gate_up.values(), gradient),
                  Tolerance(dtype));
        const HostTensor in_place(dtype, {3, 2 * ffn}, gate_up.values());
        SwiGluBackward(stream_,
                       {.d_gate_up = in_place, .dy = dy, .gate_up = in_place});
        EXPECT_TRUE(in_place.bytes() == d_gate_up.bytes());
      });
    }
  }
}

TEST_F(SwiGluTest, LargeGatesSaturate) {
  const HostTensor gate_up(DType::kFloat32, {1, 8},
                           {1e4, -1e4, 200, -200, 1, 1, 1, 1});
  const HostTensor dy(DType::kFloat32, {1, 4}, {1, 1, 1, 1});
  ForEachTarget([&] {
    const HostTensor y(DType::kFloat32, {1, 4}), d(DType::kFloat32, {1, 8});
    SwiGluForward(stream_, {.y = y, .gate_up = gate_up});
    EXPECT_EQ(y.Get(0), 1e4);
    EXPECT_NEAR(y.Get(1), 0, 1e-30);
    EXPECT_EQ(y.Get(2), 200);
    EXPECT_NEAR(y.Get(3), 0, 1e-30);
    SwiGluBackward(stream_, {.d_gate_up = d, .dy = dy, .gate_up = gate_up});
    for (const int64_t i : {0, 2}) EXPECT_NEAR(d.Get(i), 1, 1e-6);
    for (const int64_t i : {1, 3}) EXPECT_NEAR(d.Get(i), 0, 1e-30);
  });
}

TEST_F(SwiGluTest, RefusesAGateOfAnotherWidth) {
  const HostTensor y(DType::kFloat32, {2, 4}), gate_up(DType::kFloat32, {2, 9});
  EXPECT_DEATH(SwiGluForward(stream_, {.y = y, .gate_up = gate_up}),
               "expected contiguous float32\\[2, 8\\]");
}

}  // namespace
}  // namespace cogdist
