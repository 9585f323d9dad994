#include "kernels/cast.h"

#include <limits>

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

class CastTest : public KernelTest {};

// Values whose rounding is easy to get wrong.
Doubles Awkward() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return {0.0,           -0.0,       1.00390625, 1.01171875, 3.4e38,
          -3.4028235e38, 1e-40,      -1e-45,     kInfinity,  -kInfinity,
          1.5,           -2.0078125, 65535.,     1.0 / 3.0,  -1e-3};
}

TEST_F(CastTest, RoundsAsBFloat16DoesOnEveryTarget) {
  for (const int64_t n : {1, 15, 16, 17, 31, 4095, 4096, 70001}) {
    HostTensor from = RandomTensor(DType::kFloat32, {n}, 1);
    const Doubles awkward = Awkward();
    for (int64_t i = 0; i < n; ++i) {
      if (i % 3 == 0) from.Set(i, awkward[i / 3 % awkward.size()]);
    }
    ForEachTarget([&] {
      HostTensor to(DType::kBFloat16, {n});
      Cast(stream_, {.to = to, .from = from});
      for (int64_t i = 0; i < n; ++i) {
        const float value = from.view().Data<float>()[i];
        EXPECT_EQ(to.view().Data<BFloat16>()[i].bits, BFloat16(value).bits)
            << value;
      }
      HostTensor back(DType::kFloat32, {n});
      Cast(stream_, {.to = back, .from = to});
      EXPECT_EQ(back.values(), to.values());
    });
  }
}

TEST_F(CastTest, NanStaysNan) {
  std::vector<float> from(20, std::numeric_limits<float>::quiet_NaN());
  from[3] = std::bit_cast<float>(0x7f800001u);  // would round to infinity
  from[4] = std::bit_cast<float>(0xffffffffu);  // would overflow to zero
  ForEachTarget([&] {
    HostTensor to(DType::kBFloat16, {20});
    Cast(stream_, {.to = to, .from = TensorView::Of(from.data(), {20})});
    for (const double value : to.values()) EXPECT_TRUE(std::isnan(value));
  });
}

TEST_F(CastTest, EqualTypesAreCopied) {
  for (const DType type : {DType::kFloat32, DType::kBFloat16}) {
    const HostTensor from = RandomTensor(type, {37}, 1);
    HostTensor to(type, {37});
    Cast(stream_, {.to = to, .from = from});
    EXPECT_EQ(to.bytes(), from.bytes());
  }
}

TEST_F(CastTest, SlicesAreCastWhereTheyLie) {
  // Heads 1 and 2 of 4, tokens 1 to 3 of 5: runs of 2 * 6 elements.
  const auto part = [](const TensorView& x) {
    return x.Slice(1, 1, 3).Slice(2, 1, 2);
  };
  const Shape whole = {2, 5, 4, 6};
  for (const DType to_type : {DType::kFloat32, DType::kBFloat16}) {
    const HostTensor from = RandomTensor(DType::kBFloat16, whole, 1);
    HostTensor expected(to_type, whole);
    for (int64_t i = 0; i < whole.num_elements(); ++i) {
      const int64_t token = i / 24 % 5, head = i / 6 % 4;
      if (token >= 1 && token < 4 && head >= 1 && head < 3) {
        expected.Set(i, from.Get(i));
      }
    }
    ForEachTarget([&] {
      HostTensor to(to_type, whole);
      Cast(stream_, {.to = part(to), .from = part(from)});
      EXPECT_EQ(to.values(), expected.values());
    });
  }
}

TEST_F(CastTest, NothingIsNothing) {
  HostTensor to(DType::kBFloat16, {0}), from(DType::kFloat32, {0});
  Cast(stream_, {.to = to, .from = from});
}

TEST_F(CastTest, RefusesWhatItCannotConvert) {
  HostTensor to(DType::kBFloat16, {2}), from(DType::kFloat32, {3});
  EXPECT_DEATH(Cast(stream_, {.to = to, .from = from}),
               "bfloat16\\[2\\], args.from float32\\[3\\]");
  std::vector<int32_t> ids(2);
  const TensorView view = TensorView::Of(ids.data(), {2});
  EXPECT_DEATH(Cast(stream_, {.to = to, .from = view}), "int32\\[2\\]");
  EXPECT_DEATH(Cast(stream_, {.to = view, .from = view}), "int32\\[2\\]");
}

}  // namespace
}  // namespace cogdist
