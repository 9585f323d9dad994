// A tensor of a checkpoint, or a region of it, put together from whatever
// slices have something of it.

#ifndef COGDIST_PARALLEL_CHECKPOINT_TENSOR_READER_H_
#define COGDIST_PARALLEL_CHECKPOINT_TENSOR_READER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parallel/checkpoint/slice_reader.h"
#include "parallel/checkpoint/tensor_region.h"
#include "proto/checkpoint.pb.h"

namespace cogdist {

// Null if there is none.
const CheckpointTensor* FindTensor(const CheckpointManifest& manifest,
                                   absl::string_view name, CheckpointRole role);

// All elements of a tensor.
TensorRegion WholeRegion(const Shape& shape);

// One thread.
class TensorReader {
 public:
  // `tensor` is of the checkpoint that `slices` reads; both outlive the reader.
  // REQUIRES: the region is of a tensor of this shape.
  TensorReader(const CheckpointTensor& tensor, const TensorRegion& region,
               SliceReader& slices);

  // Elements [first, first + out.size()) of the region. Errors are those of
  // SliceReader.
  absl::Status Read(int64_t first, absl::Span<float> out);

 private:
  // A slice that has something of the region.
  struct SliceRuns {
    const CheckpointSlice* slice = nullptr;
    std::vector<RegionRun> runs;
  };

  const CheckpointTensor& tensor_;
  const TensorRegion region_;
  SliceReader& reader_;
  std::vector<SliceRuns> slices_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_TENSOR_READER_H_
