#include "parallel/unit_segments.h"

#include <algorithm>
#include <cstdlib>

#include "kernels/reduce.h"

namespace cogdist {
namespace {

// The possible border in `tensor` that is nearest to `target`.
int64_t NearestIn(ElementRange tensor, int64_t target) {
  const int64_t last_chunk =
      std::max<int64_t>(tensor.count - 1, 0) / kReduceChunk;
  const int64_t chunk = std::clamp<int64_t>(
      (target - tensor.begin + kReduceChunk / 2) / kReduceChunk, 0, last_chunk);
  return tensor.begin + chunk * kReduceChunk;
}

}  // namespace

UnitSegment CutSegment(ElementRange range,
                       absl::Span<const ElementRange> tensors, int parts) {
  // Evenly over the tensors, not over padding: copies of a tensor on different
  // ranks are cut alike.
  const int64_t begin = tensors.front().begin;
  const int64_t end = tensors.back().end();
  UnitSegment segment = {.range = range, .borders = {0}};
  for (int i = 1; i < parts; ++i) {
    const int64_t target = begin + EvenPart(end - begin, parts, i).begin;
    int64_t nearest = end;
    for (const ElementRange& tensor : tensors) {
      const int64_t border = NearestIn(tensor, target);
      if (std::abs(border - target) < std::abs(nearest - target)) {
        nearest = border;
      }
    }
    segment.borders.push_back(nearest - range.begin);
  }
  segment.borders.push_back(range.count);
  return segment;
}

}  // namespace cogdist
