#include "runtime/exact_sum.h"

#include <bit>
#include <cmath>
#include <limits>

namespace cogdist {
namespace {

constexpr int kDigitBits = 32;
constexpr uint64_t kDigitMask = (uint64_t{1} << kDigitBits) - 1;
// Digits then stay below 2^62.
constexpr int64_t kMaxAdditions = int64_t{1} << 29;
constexpr int64_t kMaxRanks = int64_t{1} << 20;

constexpr int kNan = ExactSum::kDigits;
constexpr int kInfinity = kNan + 1;
constexpr int kMinusInfinity = kNan + 2;

// A finite number as mantissa * 2^(shift - 1074).
struct Parts {
  explicit Parts(double x) {
    constexpr int kMantissaBits = 52;
    const uint64_t bits = std::bit_cast<uint64_t>(x);
    const int exponent = bits >> kMantissaBits & 0x7ff;
    mantissa = bits & ((uint64_t{1} << kMantissaBits) - 1);
    if (exponent > 0) mantissa |= uint64_t{1} << kMantissaBits;
    shift = exponent > 0 ? exponent - 1 : 0;  // subnormal: that of exponent 1
  }

  uint64_t mantissa;
  int shift;
};

}  // namespace

void ExactSum::Add(double x) {
  if (std::isnan(x)) {
    ++words_[kNan];
  } else if (std::isinf(x)) {
    ++words_[x > 0 ? kInfinity : kMinusInfinity];
  } else {
    if (++additions_ > kMaxAdditions) Normalize();
    const Parts parts(x);
    const int digit = parts.shift / kDigitBits;
    const int shift = parts.shift % kDigitBits;
    const uint64_t high = parts.mantissa >> kDigitBits;
    const std::array<uint64_t, 3> digits = {
        parts.mantissa << shift & kDigitMask,
        parts.mantissa >> (kDigitBits - shift) & kDigitMask,
        high >> (kDigitBits - shift)};
    const int64_t sign = std::signbit(x) ? -1 : 1;
    for (int i = 0; i < 3; ++i) {
      words_[digit + i] += sign * static_cast<int64_t>(digits[i]);
    }
  }
}

void ExactSum::Merge(const ExactSum& other) {
  ExactSum normal = other;
  normal.Normalize();
  if (++additions_ > kMaxAdditions) Normalize();
  for (int i = 0; i < kWords; ++i) words_[i] += normal.words_[i];
}

absl::Span<int64_t> ExactSum::words() {
  Normalize();
  additions_ = kMaxRanks;  // what the caller may write
  return absl::MakeSpan(words_);
}

void ExactSum::Normalize() {
  for (int i = 0; i + 1 < kDigits; ++i) {
    words_[i + 1] += words_[i] >> kDigitBits;
    words_[i] &= kDigitMask;
  }
  additions_ = 0;
}

void ExactSum::Negate() {
  for (int i = 0; i < kDigits; ++i) words_[i] = -words_[i];
  Normalize();
}

double ExactSum::Value() const {
  if (words_[kNan] > 0 ||
      (words_[kInfinity] > 0 && words_[kMinusInfinity] > 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (words_[kInfinity] > 0) return kInf;
  if (words_[kMinusInfinity] > 0) return -kInf;
  ExactSum normal = *this;
  normal.Normalize();
  if (normal.words_[kDigits - 1] >= 0) return normal.Magnitude();
  normal.Negate();
  return -normal.Magnitude();
}

// REQUIRES: normalised and not negative.
double ExactSum::Magnitude() const {
  const auto digit = [&](int i) {
    return i < 0 ? uint64_t{0} : static_cast<uint64_t>(words_[i]);
  };
  int top = kDigits - 1;
  while (top > 0 && words_[top] == 0) --top;
  if (digit(top) == 0) return 0;
  // 2^32 in the top digit is 2^1102, far behind the largest float64.
  if (digit(top) > kDigitMask) return std::numeric_limits<double>::infinity();
  // The 64 bits from the leading one on, the last of them set, too, if
  // anything follows: rounding these to 53 bits rounds the whole sum.
  const int zeros = std::countl_zero(static_cast<uint32_t>(digit(top)));
  const uint64_t below = digit(top - 2) << zeros;
  uint64_t leading = digit(top) << (kDigitBits + zeros) |
                     digit(top - 1) << zeros | below >> kDigitBits;
  bool rest = (below & kDigitMask) != 0;
  for (int i = top - 3; i >= 0 && !rest; --i) rest = words_[i] != 0;
  leading |= rest ? 1 : 0;
  // A sum is a multiple of 2^-1074, so that a subnormal one is exact: it is
  // not rounded a second time here.
  const int exponent = kDigitBits * (top - 1) - zeros - 1074;
  return std::ldexp(static_cast<double>(leading), exponent);
}

}  // namespace cogdist
