#include "launcher/resume.h"

#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "launcher/config_changes.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/restore.h"
#include "parallel/shared_status.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

namespace fs = std::filesystem;

absl::Status NoneIsWhole(const RunConfig& config,
                         const std::vector<std::string>& reasons) {
  return absl::FailedPreconditionError(absl::StrCat(
      "run_dir: no checkpoint in ", CheckpointsPath(config.run_dir()),
      " is whole; bring one back, or start afresh with --resume none:\n  ",
      absl::StrJoin(reasons, "\n  ")));
}

// Damage is what the user has to do something about, before any work.
absl::Status NameFlag(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("--resume: ", status.message()));
}

// That --resume asks for, as far as manifests tell; none for a fresh start.
absl::StatusOr<std::optional<StoredCheckpoint>> Find(
    FileSystem& files, const RunConfig& config, const ResumeOptions& options) {
  if (options.from == ResumeOptions::From::kNothing) return std::nullopt;
  if (options.from == ResumeOptions::From::kCheckpoint) {
    absl::StatusOr<StoredCheckpoint> checkpoint =
        OpenCheckpoint(files, options.checkpoint);
    COG_RETURN_IF_ERROR(NameFlag(checkpoint.status()));
    return *std::move(checkpoint);
  }
  COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                       ListCheckpoints(files, config.run_dir()));
  std::vector<std::string> reasons;
  for (const CheckpointFolder& folder : folders) {
    absl::StatusOr<StoredCheckpoint> checkpoint =
        OpenCheckpoint(files, folder.path);
    if (checkpoint.ok()) return *std::move(checkpoint);
    if (!absl::IsDataLoss(checkpoint.status())) return checkpoint.status();
    reasons.emplace_back(checkpoint.status().message());
  }
  if (folders.empty()) return std::nullopt;
  return NoneIsWhole(config, reasons);
}

// The step in decimal digits, or "" for a fresh start.
absl::StatusOr<std::string> FindStep(FileSystem& files, const RunConfig& config,
                                     const ResumeOptions& options) {
  COG_ASSIGN_OR_RETURN(const std::optional<StoredCheckpoint> found,
                       Find(files, config, options));
  if (!found.has_value()) return "";
  COG_RETURN_IF_ERROR(ConfigChanges(found->manifest.config(), config,
                                    options.allowed_changes, found->path)
                          .status());
  return absl::StrCat(found->manifest.train_state().step());
}

absl::StatusOr<StoredCheckpoint> Restore(const ResumeArgs& args,
                                         std::vector<std::string>& warnings) {
  const RestoreArgs restore = {
      .files = args.files, .context = args.context, .params = args.params};
  if (args.options.from == ResumeOptions::From::kCheckpoint) {
    absl::StatusOr<StoredCheckpoint> checkpoint =
        RestoreCheckpoint(restore, args.options.checkpoint);
    COG_RETURN_IF_ERROR(NameFlag(checkpoint.status()));
    return checkpoint;
  }
  COG_ASSIGN_OR_RETURN(RestoredNewest restored,
                       RestoreNewest(restore, args.config.run_dir()));
  if (!restored.checkpoint.has_value()) {
    return NoneIsWhole(args.config, restored.passed_over);
  }
  for (const std::string& reason : restored.passed_over) {
    warnings.push_back(absl::StrCat("a checkpoint was passed over: ", reason));
  }
  return *std::move(restored.checkpoint);
}

// Whether it is one that --resume auto would find for its step.
bool IsOwn(const StoredCheckpoint& checkpoint, const RunConfig& config) {
  const std::string own = CheckpointPath(
      config.run_dir(), checkpoint.manifest.train_state().step());
  std::error_code error;
  return fs::weakly_canonical(checkpoint.path, error) ==
         fs::weakly_canonical(own, error);
}

// Rank 0: later ones; all, where the run goes on from a foreign one. The first
// line says which, then their paths.
absl::StatusOr<std::string> SetAside(const ResumeArgs& args,
                                     const StoredCheckpoint& checkpoint) {
  const bool own = IsOwn(checkpoint, args.config);
  const int64_t step = checkpoint.manifest.train_state().step();
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> moved,
                       SetAsideNewer(args.files, args.config.run_dir(),
                                     own ? step : -1, args.attempt));
  return absl::StrCat(own ? "own" : "foreign", "\n",
                      absl::StrJoin(moved, "\n"));
}

}  // namespace

absl::StatusOr<std::optional<int64_t>> FindStepToResume(
    FileSystem& files, const RunConfig& config, const ResumeOptions& options,
    Communicator& world) {
  COG_ASSIGN_OR_RETURN(const std::string found, ResultOfRank0(world, [&] {
                         return FindStep(files, config, options);
                       }));
  if (found.empty()) return std::nullopt;
  int64_t step = 0;
  COG_CHECK(absl::SimpleAtoi(found, &step));
  return step;
}

absl::StatusOr<Resumed> Resume(const ResumeArgs& args) {
  Resumed resumed;
  COG_ASSIGN_OR_RETURN(resumed.checkpoint, Restore(args, resumed.warnings));
  const StoredCheckpoint& checkpoint = resumed.checkpoint;
  // Again: it may be an older one than that which was looked at first.
  COG_ASSIGN_OR_RETURN(
      const std::vector<std::string> changes,
      ConfigChanges(checkpoint.manifest.config(), args.config,
                    args.options.allowed_changes, checkpoint.path));
  for (const std::string& change : changes) {
    resumed.notes.push_back(absl::StrCat("changed ", change));
  }
  COG_ASSIGN_OR_RETURN(const std::string moved,
                       ResultOfRank0(*args.context.groups.world, [&] {
                         return SetAside(args, checkpoint);
                       }));
  const std::vector<std::string> lines =
      absl::StrSplit(moved, '\n', absl::SkipEmpty());
  resumed.own = lines.front() == "own";
  for (size_t i = 1; i < lines.size(); ++i) {
    resumed.notes.push_back(absl::StrCat("set aside: ", lines[i]));
  }
  return resumed;
}

}  // namespace cogdist
