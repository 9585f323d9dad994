#include "kernels/cuda/ordered_bits_launch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaOrderedBitsTest : public GpuTest {
 protected:
  std::vector<int32_t> Words(const void* from, int64_t count) {
    std::vector<int32_t> words(count);
    auto report =
        emulator_.memory().Read(words.data(), from, count * sizeof(int32_t));
    if (report) emulator_.AddReport(*report);
    return words;
  }
};

// Any bits, and often the ones on the borders between kinds of numbers.
float AnyFloat(CaseDice& dice) {
  constexpr uint32_t kBorders[] = {0x00000000, 0x00000001, 0x007fffff,
                                   0x00800000, 0x7f7fffff, 0x7f800000,
                                   0x7f800001, 0x7fc00000, 0x7fffffff};
  const uint32_t sign = dice.Flip() ? 0x80000000u : 0;
  const uint32_t bits =
      dice.Flip() ? kBorders[dice.Between(0, 8)] : dice.Between(0, 0x7fffffff);
  return std::bit_cast<float>(sign | bits);
}

TEST_F(CudaOrderedBitsTest, IntegersHaveTheOrderOfTheFloats) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const int64_t n = dice.OneOf<int64_t>({1, 2, 31, 256, 257, 1000});
    std::vector<float> values(n);
    for (float& value : values) value = AnyFloat(dice);
    float* const x = Upload(values, "x");
    cuda::LaunchToOrderedBits(stream(), {.x = x, .n = n});
    const std::vector<int32_t> ordered = Words(x, n);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t j = dice.Between(0, n - 1);
      if (std::isnan(values[i])) {
        EXPECT_GT(ordered[i], std::bit_cast<int32_t>(
                                  std::numeric_limits<float>::infinity()));
      } else if (!std::isnan(values[j]) && values[i] < values[j]) {
        EXPECT_LT(ordered[i], ordered[j]) << values[i] << " " << values[j];
      }
    }
    cuda::LaunchFromOrderedBits(stream(), {.x = x, .n = n});
    const std::vector<int32_t> back = Words(x, n);
    for (int64_t i = 0; i < n; ++i) {
      if (std::isnan(values[i])) {
        EXPECT_TRUE(std::isnan(std::bit_cast<float>(back[i])));
      } else {
        EXPECT_EQ(back[i], std::bit_cast<int32_t>(values[i]));
      }
    }
    ExpectClean();
  }
}

}  // namespace
}  // namespace cogdist
