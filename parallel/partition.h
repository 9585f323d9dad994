// How a flat tensor is shared out over the ranks of a group.

#ifndef COGDIST_PARALLEL_PARTITION_H_
#define COGDIST_PARALLEL_PARTITION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace cogdist {

// Elements [begin, begin + count) of a flat tensor.
struct ElementRange {
  int64_t begin = 0;
  int64_t count = 0;

  int64_t end() const { return begin + count; }
};

// Part `index` of `elements` cut into `parts`, in order; sizes differ by at
// most one element, and parts are empty where there are fewer elements than
// parts.
inline ElementRange EvenPart(int64_t elements, int parts, int index) {
  const int64_t begin = elements * index / parts;
  return {begin, elements * (index + 1) / parts - begin};
}

// Even parts as borders, the form in which uneven ones are given, too: part i
// is [borders[i], borders[i + 1]).
inline std::vector<int64_t> EvenBorders(int64_t elements, int parts) {
  std::vector<int64_t> borders(parts + 1);
  for (int i = 0; i <= parts; ++i) borders[i] = elements * i / parts;
  return borders;
}

inline ElementRange PartOf(absl::Span<const int64_t> borders, int index) {
  return {borders[index], borders[index + 1] - borders[index]};
}

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PARTITION_H_
