#include "launcher/value_statistics.h"

#include <algorithm>
#include <cmath>

namespace cogdist {

void ValueStatistics::Add(float value) {
  ++count;
  if (!std::isfinite(value)) {
    ++not_finite;
    return;
  }
  zeros += value == 0 ? 1 : 0;
  min = std::min<double>(min, value);
  max = std::max<double>(max, value);
  sum += value;
  squares += double{value} * value;
}

void ValueStatistics::Add(absl::Span<const float> values) {
  for (const float value : values) Add(value);
}

double ValueStatistics::mean() const {
  return sum / static_cast<double>(count - not_finite);
}

double ValueStatistics::rms() const {
  return std::sqrt(squares / static_cast<double>(count - not_finite));
}

}  // namespace cogdist
