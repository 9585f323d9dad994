// Whether what a manifest says fits together.

#ifndef COGDIST_PARALLEL_CHECKPOINT_MANIFEST_CHECK_H_
#define COGDIST_PARALLEL_CHECKPOINT_MANIFEST_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/tensor_region.h"
#include "proto/checkpoint.pb.h"

namespace cogdist {

// Different boxes that the slices of one tensor may have: the degree of tensor
// parallelism of the writer. The bound keeps the check below quick.
inline constexpr int kMaxBoxes = 1024;

// The DataLoss error of a checkpoint's file at `path`; `fault` begins with a
// verb.
absl::Status DamagedCheckpoint(absl::string_view path, absl::string_view fault);

// Everything that readers rely on: names, roles and types, slices inside of
// their tensors and of their shards, and that the slices hold every element of
// every tensor exactly once and do not share bytes. The first fault is an
// InvalidArgument error that names tensor or shard.
absl::Status CheckManifest(const CheckpointManifest& manifest);

// REQUIRES: of a manifest that has passed.
TensorRegion RegionOf(const CheckpointTensor& tensor,
                      const CheckpointSlice& slice);
Shape ShapeOf(const CheckpointTensor& tensor);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_MANIFEST_CHECK_H_
