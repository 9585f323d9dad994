// Names in RUN_DIR/checkpoints:
//
//   step_00001000                      a checkpoint, if its manifest says so
//   step_00001000.tmp-ATTEMPT-RANDOM   being written, or left by a crash
//   step_00001000.trash-RANDOM         being deleted, or left by a crash
//   attempt_ATTEMPT.tmp-RANDOM         there for a moment, for ranks to see it
//   step_00001000.old-ATTEMPT          set aside when ATTEMPT began at a step
//                                      before it; kept for people

#ifndef COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_FOLDERS_H_
#define COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_FOLDERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"

namespace cogdist {

std::string CheckpointsPath(absl::string_view run_dir);
std::string CheckpointPath(absl::string_view run_dir, int64_t step);
std::string TemporaryCheckpointPath(absl::string_view run_dir, int64_t step,
                                    absl::string_view attempt);
std::string ProbePath(absl::string_view run_dir, absl::string_view attempt);

struct CheckpointFolder {
  int64_t step = 0;
  std::string path;
};
// Those with a checkpoint's name, whole or not, newest first; none where the
// run has no such folder.
absl::StatusOr<std::vector<CheckpointFolder>> ListCheckpoints(
    FileSystem& files, absl::string_view run_dir);

// Makes RUN_DIR/checkpoints, durably with all folders above it, and deletes
// what is left of writes and deletions that crashed. That an older attempt may
// still be writing there is no hindrance: it loses its folder. What cannot be
// deleted is left to the next start. REQUIRES: the caller owns the run
// (run_owner.h).
absl::Status PrepareCheckpoints(FileSystem& files, absl::string_view run_dir);

// Renames the checkpoints of steps after `step` to their ".old-" names, so that
// `attempt`, which goes on from there, meets no other course of the training.
// Aborted if it does not own the run: they are the owner's then. Returns the
// new paths.
absl::StatusOr<std::vector<std::string>> SetAsideNewer(
    FileSystem& files, absl::string_view run_dir, int64_t step,
    absl::string_view attempt);

// Deletes a checkpoint; to a crash in between it is there in full or gone.
absl::Status DeleteCheckpoint(FileSystem& files,
                              const CheckpointFolder& folder);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_FOLDERS_H_
