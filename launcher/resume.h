// Where a run goes on: which checkpoint, and whether it may.

#ifndef COGDIST_LAUNCHER_RESUME_H_
#define COGDIST_LAUNCHER_RESUME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/file_system.h"

namespace cogdist {

// What --resume and --allow_change say.
struct ResumeOptions {
  enum class From {
    kNewest,      // auto: the newest whole checkpoint, else a fresh start
    kNothing,     // none: a fresh start, an old run is moved aside
    kCheckpoint,  // this one
  };
  From from = From::kNewest;
  std::string checkpoint;  // for kCheckpoint: its folder
  // Fields that may differ from the checkpoint's (config_changes.h).
  std::vector<std::string> allowed_changes;
};

// Before a run has touched anything: the step of the checkpoint that it will go
// on from, by its manifest, or none for a fresh start. Rank 0 looks for all.
// Collective. Errors: a configuration that does not match, a newest checkpoint
// that is not this program's business, or no whole one among several.
absl::StatusOr<std::optional<int64_t>> FindStepToResume(
    FileSystem& files, const RunConfig& config, const ResumeOptions& options,
    Communicator& world);

struct ResumeArgs {
  FileSystem& files;
  const RunConfig& config;
  const ResumeOptions& options;
  const std::string& attempt;  // from BeginAttempt()
  RankContext& context;
  ParamStore& params;  // allocated
};
struct Resumed {
  StoredCheckpoint checkpoint;
  // It is one of this run directory's, not from elsewhere.
  bool own = true;
  // For people: checkpoints that were passed over and why, those that were set
  // aside, fields that have changed.
  std::vector<std::string> warnings, notes;
};
// Fills the parameter store from the checkpoint, and sets those of later steps
// aside, or all if it is not the run's own, so that the run meets no other
// course of its training. REQUIRES:
// FindStepToResume() has found one. Collective; the same on every rank.
absl::StatusOr<Resumed> Resume(const ResumeArgs& args);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RESUME_H_
