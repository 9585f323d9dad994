// Numbers that tell a healthy tensor from a broken one.

#ifndef COGDIST_LAUNCHER_VALUE_STATISTICS_H_
#define COGDIST_LAUNCHER_VALUE_STATISTICS_H_

#include <cstdint>
#include <limits>

#include "absl/types/span.h"

namespace cogdist {

struct ValueStatistics {
  int64_t count = 0;
  int64_t not_finite = 0;
  int64_t zeros = 0;
  // Of the finite values; the sums in float64.
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
  double squares = 0;

  void Add(float value);
  void Add(absl::Span<const float> values);

  // Of the finite values; NaN if there are none.
  double mean() const;
  // Root mean square.
  double rms() const;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_VALUE_STATISTICS_H_
