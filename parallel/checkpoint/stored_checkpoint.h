// A checkpoint folder that was looked at: its manifest is whole, and every file
// that it lists is there and has the length that it says.

#ifndef COGDIST_PARALLEL_CHECKPOINT_STORED_CHECKPOINT_H_
#define COGDIST_PARALLEL_CHECKPOINT_STORED_CHECKPOINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/checkpoint.pb.h"
#include "runtime/file_system.h"

namespace cogdist {

struct StoredCheckpoint {
  std::string path;
  CheckpointManifest manifest;
};

// The error of a file of a checkpoint that cannot be read, as damage of the
// checkpoint: DataLoss. Only what says nothing about the file stays what it is,
// so that no run goes back to an older checkpoint for it: a lack of permission,
// memory or file descriptors.
absl::Status AsDamage(const absl::Status& error, absl::string_view message);

// Reads the manifest only, and looks at no other file. Errors as below.
absl::StatusOr<StoredCheckpoint> ReadCheckpointManifest(FileSystem& files,
                                                        absl::string_view path);

// Reads no shard. A file that is missing, damaged or of another length is a
// DataLoss error that names it and says what is wrong (but see above); a
// checkpoint for newer programs is FailedPrecondition.
absl::StatusOr<StoredCheckpoint> OpenCheckpoint(FileSystem& files,
                                                absl::string_view path);

// Reads everything. One DataLoss error for each file that is missing (with the
// names of its tensors) or of another length, each header and each slice that
// is not as it was written, naming file and tensor; none: all is well.
// `checkpoint` needs its path and manifest only.
std::vector<absl::Status> VerifyCheckpoint(FileSystem& files,
                                           const StoredCheckpoint& checkpoint);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_STORED_CHECKPOINT_H_
