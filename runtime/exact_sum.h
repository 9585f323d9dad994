// The exact sum of float64 numbers: whatever the order of the additions, and on
// however many ranks they were made, the result has the same bits. A small
// superaccumulator (Kulisch; Neal, "Fast exact summation using small and large
// superaccumulators", 2015): a fixed-point number that spans the whole range of
// float64, in digits of 32 bits.

#ifndef COGDIST_RUNTIME_EXACT_SUM_H_
#define COGDIST_RUNTIME_EXACT_SUM_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace cogdist {

// A value type of 560 bytes. Used by one thread at a time.
class ExactSum {
 public:
  // Digits of the fixed-point number, then the counts of NaN, +inf and -inf.
  static constexpr int kDigits = 67;
  static constexpr int kWords = kDigits + 3;

  void Add(double x);
  void Merge(const ExactSum& other);

  // The state, to be sent to other ranks: sums taken word by word over the
  // words() of up to 2^20 ranks, written back here, are the state for all their
  // numbers. Carries are done first, so that equal sums have equal words.
  absl::Span<int64_t> words();

  // The sum, rounded once to the nearest float64 (ties to even); infinite where
  // that overflows. With infinities or NaN among the numbers what float64 gives
  // for them in any order. An empty sum and an exact zero are +0.
  double Value() const;

 private:
  // Carries, so that every digit but the last lies in [0, 2^32).
  void Normalize();
  void Negate();
  double Magnitude() const;

  // sum = 2^-1074 sum_i 2^(32 i) words_[i], i < kDigits. Digits may leave
  // [0, 2^32) and be negative; all but the last, which has room for the carries
  // of any sum, stay below 2^32 (1 + additions_) in size.
  std::array<int64_t, kWords> words_ = {};
  int64_t additions_ = 0;  // since Normalize()
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_EXACT_SUM_H_
