// Elements of a tensor that one rank holds or one slice of a checkpoint stores,
// and what two such sets have in common: the arithmetic of loading a checkpoint
// on another layout than the one that wrote it.

#ifndef COGDIST_PARALLEL_CHECKPOINT_TENSOR_REGION_H_
#define COGDIST_PARALLEL_CHECKPOINT_TENSOR_REGION_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "parallel/named_tensor.h"
#include "parallel/partition.h"
#include "runtime/shape.h"

namespace cogdist {

// Of a box of the tensor, flattened row-major, the elements `range`.
struct TensorRegion {
  Shape shape;   // of the whole tensor
  Shape offset;  // the box's first index in each dimension
  Shape extent;  // its indices in each dimension, at least 1
  ElementRange range;

  bool whole_box() const {
    return range.begin == 0 && range.count == extent.num_elements();
  }
};

// Elements `held` of the part of `tensor` that a rank holds.
TensorRegion RegionOf(const NamedTensor& tensor, ElementRange held);

// Elements that are neighbours both in the region and in the whole tensor.
struct RegionRun {
  int64_t inside = 0;  // index of the first, counted from region.range.begin
  int64_t whole = 0;   // and in the whole tensor, row-major
  int64_t count = 0;
};

// The longest runs that make up the region; both indices ascend.
std::vector<RegionRun> RunsOf(const TensorRegion& region);

// Elements that are neighbours in two regions, `a` and `b`.
struct CommonRun {
  int64_t in_a = 0;
  int64_t in_b = 0;
  int64_t count = 0;
};

// Calls `visit` for the longest runs of elements that both regions have, in
// order. The regions are of one tensor.
void ForEachCommonRun(absl::Span<const RegionRun> a,
                      absl::Span<const RegionRun> b,
                      absl::FunctionRef<void(const CommonRun&)> visit);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_TENSOR_REGION_H_
