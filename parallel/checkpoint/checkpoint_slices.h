// What of the training's state a rank writes to a checkpoint, and what it reads
// from one. State is the parameters' master weights and both moments, by names
// of tensors of the whole model.

#ifndef COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_SLICES_H_
#define COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_SLICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parallel/checkpoint/tensor_region.h"
#include "parallel/param_store.h"
#include "proto/checkpoint.pb.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Bytes of an element: checkpoints hold float32.
inline constexpr int64_t kFloatBytes = sizeof(float);

// How messages and shards call a tensor: the parameter's name, for moments with
// ".adam_m" or ".adam_v" behind it.
std::string CheckpointTensorName(absl::string_view name, CheckpointRole role);

struct SliceToWrite {
  std::string name;  // of the parameter
  CheckpointRole role = PARAM;
  TensorRegion region;
  TensorView data;  // float32 [region.range.count], in the store
};

// This rank's: over all ranks every element once. Each replica gives its share
// of every tensor, so that all of them write about as much; of copies the first
// writes. Sorted by CheckpointTensorName().
// REQUIRES: `params` has been allocated for training.
std::vector<SliceToWrite> SlicesToWrite(const ParamStore& params);

// The bytes of it that this rank has memory for: those of the replica that
// writes most, so that one plan holds for all of them.
int64_t MostBytesToWrite(const ParamStore& params, int replicas);

enum class CheckpointContents {
  kWeights,        // for inference
  kTrainingState,  // weights and moments
};

struct TensorToRead {
  const ParamStore::Tensor* tensor = nullptr;  // in the store
  CheckpointRole role = PARAM;
  // Elements of the held part: for a parameter all that the store keeps of
  // it, in whatever precision; for moments those that this rank owns. May be
  // empty.
  ElementRange range;
};

// Copies and tied copies, too: whatever `params` has of its own.
std::vector<TensorToRead> TensorsToRead(const ParamStore& params,
                                        CheckpointContents contents);

// Sets elements of the tensor, from number `first` of the held part on, inside
// of its range. Waits for the stream: `values` may go afterwards.
void WriteToStore(ParamStore& params, Stream& stream,
                  const TensorToRead& tensor, int64_t first,
                  absl::Span<const float> values);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_SLICES_H_
