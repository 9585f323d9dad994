#include "parallel/checkpoint/tensor_region.h"

#include <algorithm>

namespace cogdist {
namespace {

// The box's elements that are neighbours in the whole tensor, too: those of the
// innermost dimensions that the box has in full, and of the one before.
int64_t RowElements(const TensorRegion& region) {
  int64_t row = 1;
  for (int dim = region.shape.rank() - 1; dim >= 0; --dim) {
    row *= region.extent.dim(dim);
    if (region.extent.dim(dim) != region.shape.dim(dim)) break;
  }
  return row;
}

// Where element number `index` of the box lies in the whole tensor.
int64_t WholeIndex(const TensorRegion& region, int64_t index) {
  int64_t whole = 0;
  int64_t stride = 1;
  for (int dim = region.shape.rank() - 1; dim >= 0; --dim) {
    const int64_t extent = region.extent.dim(dim);
    whole += (region.offset.dim(dim) + index % extent) * stride;
    index /= extent;
    stride *= region.shape.dim(dim);
  }
  return whole;
}

// The first run that does not end before element `whole` of the tensor.
absl::Span<const RegionRun> From(absl::Span<const RegionRun> runs,
                                 int64_t whole) {
  const auto first = std::partition_point(
      runs.begin(), runs.end(),
      [&](const RegionRun& run) { return run.whole + run.count <= whole; });
  return runs.subspan(first - runs.begin());
}

}  // namespace

TensorRegion RegionOf(const NamedTensor& tensor, ElementRange held) {
  TensorRegion region = {.shape = tensor.shape,
                         .offset = tensor.shape,
                         .extent = tensor.held_shape(),
                         .range = held};
  for (int dim = 0; dim < region.offset.rank(); ++dim) {
    region.offset.set_dim(dim, 0);
  }
  if (tensor.held.has_value()) {
    region.offset.set_dim(tensor.sharded_dim, tensor.held->begin);
  }
  return region;
}

std::vector<RegionRun> RunsOf(const TensorRegion& region) {
  const int64_t row = RowElements(region);
  std::vector<RegionRun> runs;
  int64_t begin = region.range.begin;
  while (begin < region.range.end()) {
    const int64_t count =
        std::min(row - begin % row, region.range.end() - begin);
    runs.push_back({.inside = begin - region.range.begin,
                    .whole = WholeIndex(region, begin),
                    .count = count});
    begin += count;
  }
  return runs;
}

void ForEachCommonRun(absl::Span<const RegionRun> a,
                      absl::Span<const RegionRun> b,
                      absl::FunctionRef<void(const CommonRun&)> visit) {
  if (a.empty() || b.empty()) return;
  a = From(a, b.front().whole);
  if (!a.empty()) b = From(b, a.front().whole);
  while (!a.empty() && !b.empty()) {
    const RegionRun& x = a.front();
    const RegionRun& y = b.front();
    const int64_t begin = std::max(x.whole, y.whole);
    const int64_t end = std::min(x.whole + x.count, y.whole + y.count);
    if (begin < end) {
      visit({.in_a = x.inside + begin - x.whole,
             .in_b = y.inside + begin - y.whole,
             .count = end - begin});
    }
    if (x.whole + x.count <= y.whole + y.count) {
      a.remove_prefix(1);
    } else {
      b.remove_prefix(1);
    }
  }
}

}  // namespace cogdist
