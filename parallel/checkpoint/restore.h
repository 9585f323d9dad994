// All ranks load the same checkpoint, or agree on why not.

#ifndef COGDIST_PARALLEL_CHECKPOINT_RESTORE_H_
#define COGDIST_PARALLEL_CHECKPOINT_RESTORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "runtime/file_system.h"

namespace cogdist {

struct RestoreArgs {
  FileSystem& files;
  RankContext& context;
  ParamStore& params;  // allocated
  CheckpointContents contents = CheckpointContents::kTrainingState;
};

// Fills the stores of all ranks from the checkpoint at `path`. Collective; rank
// 0 reads the manifest for all. Every rank returns the same error; the kinds
// are those of OpenCheckpoint() and LoadCheckpoint().
absl::StatusOr<StoredCheckpoint> RestoreCheckpoint(const RestoreArgs& args,
                                                   absl::string_view path);

struct RestoredNewest {
  // None: the run has no whole checkpoint. If `passed_over` is not empty then,
  // the stores are undefined.
  std::optional<StoredCheckpoint> checkpoint;
  // What was found wrong with newer ones, newest first, one message each.
  std::vector<std::string> passed_over;
};

// From the newest checkpoint of the run that is whole: where any rank finds
// damage, all go back to the one before. Other errors are not passed over, e.g.
// a checkpoint of another model. Collective.
absl::StatusOr<RestoredNewest> RestoreNewest(const RestoreArgs& args,
                                             absl::string_view run_dir);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_RESTORE_H_
