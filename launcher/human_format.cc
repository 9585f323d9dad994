#include "launcher/human_format.h"

#include <cmath>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace cogdist {
namespace {

constexpr char kUnknown[] = "-";

struct Scaled {
  double value;
  size_t power;
};

// `value` over base^power, the largest power that leaves it above 1 when it is
// rounded to three digits: 999.6 becomes 1.00 of the next.
Scaled Scale(double value, double base, size_t max_power) {
  size_t power = 0;
  while (std::abs(value) >= 999.5 && power < max_power) {
    value /= base;
    ++power;
  }
  return {value, power};
}

std::string ThreeDigits(double value) {
  const double size = std::abs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f", decimals, value);
}

}  // namespace

std::string FormatCount(double count) {
  if (!std::isfinite(count)) return kUnknown;
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P", "E"};
  const auto [value, power] = Scale(count, 1000, std::size(kUnits) - 1);
  const bool whole = power == 0 && value == std::round(value);
  return absl::StrCat(
      whole ? absl::StrFormat("%.0f", value) : ThreeDigits(value),
      kUnits[power]);
}

std::string FormatBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  const auto [value, power] =
      Scale(static_cast<double>(bytes), 1024, std::size(kUnits) - 1);
  return absl::StrCat(power == 0 ? absl::StrCat(bytes) : ThreeDigits(value),
                      " ", kUnits[power]);
}

std::string FormatDuration(double seconds) {
  // Beyond 300 years it is no estimate, and too large for the seconds below.
  if (!(seconds >= 0 && seconds < 1e10)) return kUnknown;
  if (seconds < 9.995) return absl::StrFormat("%.2f s", seconds);
  const auto whole = static_cast<int64_t>(seconds + 0.005);
  const int64_t minutes = whole / 60;
  const int64_t hours = minutes / 60;
  if (minutes == 0) return absl::StrFormat("%d s", whole);
  if (hours == 0) return absl::StrFormat("%d min %02d s", minutes, whole % 60);
  if (hours < 48) return absl::StrFormat("%d h %02d min", hours, minutes % 60);
  return absl::StrFormat("%d d %02d h", hours / 24, hours % 24);
}

std::string FormatPercent(double share) {
  return std::isfinite(share) ? absl::StrFormat("%.1f %%", 100 * share)
                              : kUnknown;
}

void AddRow(std::string& text, absl::string_view label,
            absl::string_view value) {
  absl::StrAppendFormat(&text, "  %-15s%s\n", absl::StrCat(label, ":"), value);
}

}  // namespace cogdist
