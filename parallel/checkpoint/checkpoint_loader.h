// From a checkpoint to a rank's parameter store, whatever layout wrote it: each
// wanted tensor's held part is put together from the slices that have something
// of it.

#ifndef COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_LOADER_H_
#define COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_LOADER_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "parallel/param_store.h"
#include "runtime/file_system.h"
#include "runtime/stream.h"

namespace cogdist {

struct LoadArgs {
  FileSystem& files;
  const StoredCheckpoint& checkpoint;
  ParamStore& params;  // allocated
  Stream& stream;
  // Of all parameters of the model, those of other ranks included.
  const std::set<std::string>& names;
  CheckpointContents contents = CheckpointContents::kTrainingState;
};

// Fills the store, and reads no more for it than chunks around what this rank
// keeps. Not collective. After an error the store is undefined:
//   InvalidArgument  a tensor is missing, not expected or of another shape:
//                    the checkpoint is of another model
//   DataLoss         files are damaged (stored_checkpoint.h, slice_reader.h)
// Returns the bytes of slices that were read.
absl::StatusOr<int64_t> LoadCheckpoint(const LoadArgs& args);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_LOADER_H_
