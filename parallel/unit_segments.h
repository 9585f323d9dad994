// How the flat elements of a unit are shared out over the ranks that hold the
// same parameters (ZeRO; Rajbhandari et al., SC 2020). Parts end where a tensor
// begins, or whole chunks of kReduceChunk elements behind that: sums over the
// chunks of a tensor are then the same however many ranks share it.

#ifndef COGDIST_PARALLEL_UNIT_SEGMENTS_H_
#define COGDIST_PARALLEL_UNIT_SEGMENTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "parallel/partition.h"

namespace cogdist {

// A stretch of the flat elements that is cut into a part for every rank.
struct UnitSegment {
  ElementRange range;
  // Part i is [borders[i], borders[i + 1]), counted from range.begin; parts may
  // be empty.
  std::vector<int64_t> borders;

  // In the flat elements, as `range`.
  ElementRange part(int rank) const {
    return {range.begin + borders[rank], borders[rank + 1] - borders[rank]};
  }
};

// Cuts `range` at those of the possible places that are nearest to even parts.
// `tensors`, at least one, ascend inside of it; what they leave out is padding.
UnitSegment CutSegment(ElementRange range,
                       absl::Span<const ElementRange> tensors, int parts);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_UNIT_SEGMENTS_H_
