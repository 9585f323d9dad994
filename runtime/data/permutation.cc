#include "runtime/data/permutation.h"

#include <algorithm>
#include <bit>

#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr int kRounds = 8;
// Networks on fewer bits reach too few of the possible permutations.
constexpr int kMinBits = 6;

}  // namespace

Permutation::Permutation(int64_t size, uint64_t seed, uint64_t stream)
    : rng_(seed, stream), size_(static_cast<uint64_t>(size)) {
  COG_CHECK_GE(size, 1);
  const int bits = std::max<int>(kMinBits, std::bit_width(size_ - 1));
  low_bits_ = bits / 2;
  low_mask_ = (uint64_t{1} << low_bits_) - 1;
  high_mask_ = (uint64_t{1} << (bits - low_bits_)) - 1;
}

int64_t Permutation::Forward(int64_t index) const {
  auto value = static_cast<uint64_t>(index);
  COG_CHECK_LT(value, size_);
  do {
    value = Encrypt(value);
  } while (value >= size_);
  return static_cast<int64_t>(value);
}

uint64_t Permutation::Encrypt(uint64_t value) const {
  uint64_t low = value & low_mask_;
  uint64_t high = value >> low_bits_;
  for (uint64_t round = 0; round < kRounds; round += 2) {
    high ^= rng_.Bits(round << 32 | low) & high_mask_;
    low ^= rng_.Bits((round + 1) << 32 | high) & low_mask_;
  }
  return high << low_bits_ | low;
}

}  // namespace cogdist
