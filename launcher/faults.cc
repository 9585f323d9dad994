#include "launcher/faults.h"

#include "absl/strings/str_join.h"

namespace cogdist {
namespace {

// "3", "5" or "3 or 5"; 0 stands for none.
std::string Either(int64_t below, int64_t above) {
  if (below == 0) return above == 0 ? "" : absl::StrCat(above);
  if (above == 0) return absl::StrCat(below);
  return absl::StrCat(below, " or ", above);
}

}  // namespace

absl::Status Faults::ToStatus() const {
  if (lines_.empty()) return absl::OkStatus();
  if (lines_.size() == 1) return absl::InvalidArgumentError(lines_.front());
  return absl::InvalidArgumentError(
      absl::StrCat(lines_.size(), " faults in the configuration:\n  ",
                   absl::StrJoin(lines_, "\n  ")));
}

std::string NearestMultiples(int64_t value, int64_t unit) {
  const int64_t below = value / unit * unit;
  return Either(below == value ? below - unit : below, below + unit);
}

std::string NearestDivisors(int64_t value, int64_t whole,
                            const std::function<bool(int64_t)>& works) {
  int64_t below = 0;
  int64_t above = 0;
  const auto consider = [&](int64_t divisor) {
    if (works != nullptr && !works(divisor)) return;
    if (divisor < value && divisor > below) below = divisor;
    if (divisor > value && (above == 0 || divisor < above)) above = divisor;
  };
  // Divisors come in pairs around the square root.
  for (int64_t d = 1; d <= whole / d; ++d) {
    if (whole % d != 0) continue;
    consider(d);
    consider(whole / d);
  }
  return Either(below, above);
}

}  // namespace cogdist
