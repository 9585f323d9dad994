#include "runtime/bfloat16.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

TEST(BFloat16Test, EveryValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    BFloat16 value;
    value.bits = static_cast<uint16_t>(bits);
    const float wide = static_cast<float>(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(wide)))) << bits;
    } else {
      EXPECT_EQ(BFloat16(wide).bits, bits);
    }
  }
}

// Between each pair of neighbours: below, at and above the middle.
TEST(BFloat16Test, RoundsToNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    for (const uint32_t sign : {0u, 0x80000000u}) {
      const uint32_t wide = (bits << 16) | sign;
      const uint32_t low = wide >> 16, high = low + 1;
      const auto rounded = [&](uint32_t rest) {
        return BFloat16(std::bit_cast<float>(wide | rest)).bits;
      };
      EXPECT_EQ(rounded(0x0001), low);
      EXPECT_EQ(rounded(0x7fff), low);
      EXPECT_EQ(rounded(0x8000), low % 2 == 0 ? low : high);
      EXPECT_EQ(rounded(0x8001), high);
      EXPECT_EQ(rounded(0xffff), high);
    }
  }
}

TEST(BFloat16Test, OverflowIsInfinityAndNanStaysNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float largest = std::numeric_limits<float>::max();
  EXPECT_EQ(static_cast<float>(BFloat16(largest)), kInfinity);
  EXPECT_EQ(static_cast<float>(BFloat16(-largest)), -kInfinity);
  EXPECT_EQ(static_cast<float>(BFloat16(kInfinity)), kInfinity);
  for (const uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xffffffffu}) {
    const BFloat16 value(std::bit_cast<float>(bits));
    EXPECT_TRUE(std::isnan(static_cast<float>(value))) << bits;
  }
}

}  // namespace
}  // namespace cogdist
