// The end of a save, on rank 0: shards become a checkpoint.

#ifndef COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_COMMIT_H_
#define COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_COMMIT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/checkpoint.pb.h"
#include "runtime/file_system.h"

namespace cogdist {

// `head`, which has everything but tensors and shards, with those of the ranks'
// manifests. An Internal error if they do not make up every tensor: then this
// program's ranks disagree about the layout.
absl::StatusOr<CheckpointManifest> MergeManifests(
    const CheckpointManifest& head, absl::Span<const CheckpointManifest> ranks);

struct CommitArgs {
  FileSystem& files;
  absl::string_view run_dir;
  absl::string_view
      folder;  // with all shards, durable; RUN_DIR/checkpoints/...
  const CheckpointManifest& manifest;
};

// Writes the manifest, last and durably, makes sure that its attempt still owns
// the run, and gives the folder its real name, that of manifest.train_state's
// step. After an error there is no checkpoint; only when the very last sync has
// failed there may be one, whole, that a loss of power can undo. Aborted:
// another attempt owns the run. Returns the path.
absl::StatusOr<std::string> CommitCheckpoint(const CommitArgs& args);

// Which checkpoints stay.
struct Retention {
  // Newest ones, at least 1.
  int64_t keep_last = 1;
  // And those of steps that this divides; 0: none.
  int64_t keep_every_steps = 0;
};

struct RetentionArgs {
  FileSystem& files;
  absl::string_view run_dir;
  absl::string_view attempt;  // that has committed
  Retention retention;
  int64_t committed = 0;  // its step; durable
};

// Deletes the others: whole ones of steps before the committed one. Folders
// that are not whole stay for people to look at, and do not count. Aborted,
// with nothing deleted, if another attempt owns the run by now.
absl::Status ApplyRetention(const RetentionArgs& args);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_COMMIT_H_
