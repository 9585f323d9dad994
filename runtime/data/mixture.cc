#include "runtime/data/mixture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

constexpr uint64_t kModulus = uint64_t{1} << 31;  // M
constexpr uint64_t kStep = 1327217885;            // a: odd, M / golden ratio

// sum_{i<n} floor((a i + b) / m), modulo 2^64. The sum counts the grid points
// under a line; exchanging the axes, as Euclid's algorithm does, shrinks it.
uint64_t FloorSum(uint64_t n, uint64_t m, uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  while (true) {
    sum += n * (n - 1) / 2 * (a / m) + n * (b / m);
    a %= m;
    b %= m;
    const uint64_t top = a * n + b;
    if (top < m) return sum;
    n = top / m;
    b = top % m;
    std::swap(a, m);
  }
}

}  // namespace

absl::StatusOr<Mixture> Mixture::Create(absl::Span<const double> weights,
                                        uint64_t seed) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0) || !std::isfinite(weights[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("the weight of dataset ", i,
                       " (counted from 0) must be above 0, not ", weights[i]));
    }
    sum += weights[i];
  }
  if (weights.empty() || !std::isfinite(sum)) {
    return absl::InvalidArgumentError(
        "a mixture needs datasets whose weights have a finite sum");
  }
  std::vector<uint64_t> bounds = {0};
  double before = 0;
  for (const double weight : weights) {
    before += weight;
    const double bound = std::round(before / sum * double{kModulus});
    bounds.push_back(std::min(static_cast<uint64_t>(bound), kModulus));
  }
  bounds.back() = kModulus;
  const auto empty = std::adjacent_find(bounds.begin(), bounds.end());
  if (empty != bounds.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the weight of dataset ", empty - bounds.begin(),
        " (counted from 0) is too small beside the others: it would never be "
        "drawn; leave the dataset out"));
  }
  return Mixture(std::move(bounds), Rng(seed, "mixture").Below(kModulus, 0));
}

Mixture::Draw Mixture::At(int64_t n) const {
  COG_CHECK_GE(n, 0);
  const uint64_t period = static_cast<uint64_t>(n) / kModulus;
  const uint64_t i = static_cast<uint64_t>(n) % kModulus;
  const uint64_t x = (i * kStep + start_) % kModulus;
  const auto end = std::upper_bound(bounds_.begin(), bounds_.end(), x);
  const uint64_t low = *(end - 1);
  const uint64_t high = *end;
  // [x mod M < B] = floor(x / M) - floor((x + M - B) / M) + 1: the points in
  // [low, high) are a difference of two such sums. A period holds every x once.
  const uint64_t draws = period * (high - low) +
                         FloorSum(i, kModulus, kStep, start_ + kModulus - low) -
                         FloorSum(i, kModulus, kStep, start_ + kModulus - high);
  return {.dataset = static_cast<int>(end - bounds_.begin()) - 1,
          .index = static_cast<int64_t>(draws)};
}

}  // namespace cogdist
