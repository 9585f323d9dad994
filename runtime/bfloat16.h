// The upper half of a float32. Conversion rounds to nearest, ties to even, and
// keeps NaN a NaN. Arithmetic is done in float: there are no operators here.

#ifndef COGDIST_RUNTIME_BFLOAT16_H_
#define COGDIST_RUNTIME_BFLOAT16_H_

#include <bit>
#include <cstdint>

namespace cogdist {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit constexpr BFloat16(float value) : bits(Round(value)) {}
  explicit constexpr operator float() const {
    return std::bit_cast<float>(uint32_t{bits} << 16);
  }

 private:
  static constexpr uint16_t Round(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (u >> 16) | 0x40;  // quiet NaN
    return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
  }
};
static_assert(sizeof(BFloat16) == 2);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_BFLOAT16_H_
