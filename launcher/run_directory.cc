#include "launcher/run_directory.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "runtime/file.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

namespace fs = std::filesystem;

// Everything of a run, in the order in which it is moved aside. Checkpoints go
// first and metrics last, so that a half-moved run is neither continued nor
// taken for a new one, but refused until the rest is moved, too.
constexpr absl::string_view kEntries[] = {
    "checkpoints", "OWNER",        "weights",  "tokenizer.json", "events",
    "log",         "config.pbtxt", "loss.png", "metrics.jsonl",
};

// A directory that cannot be made or written is a wrong `run_dir`, found before
// any work starts; a full or failing disk is not.
absl::Status NameField(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return absl::FailedPreconditionError(
          absl::StrCat("run_dir: ", status.message(),
                       "; name a directory that can be made or written"));
    default:
      return status;
  }
}

}  // namespace

absl::StatusOr<RunDirectory> RunDirectory::Create(const Options& options) {
  const RunDirectory run(options.path);
  // Read first: it may be the copy of the very run that is moved aside.
  std::optional<std::string> tokenizer;
  if (!options.tokenizer.empty()) {
    COG_ASSIGN_OR_RETURN(tokenizer, ReadFile(options.tokenizer));
  }
  if (options.move_aside) COG_RETURN_IF_ERROR(NameField(run.MoveAside()));
  for (const std::string& folder :
       {run.log_dir(), run.events_dir(), run.weights_dir()}) {
    COG_RETURN_IF_ERROR(NameField(CreateDirectories(folder)));
  }
  if (tokenizer.has_value()) {
    COG_RETURN_IF_ERROR(
        NameField(WriteFileAtomically(run.tokenizer_path(), *tokenizer)));
  }
  COG_RETURN_IF_ERROR(
      NameField(WriteFileAtomically(run.config_path(), options.config_text)));
  return run;
}

absl::StatusOr<RunDirectory> RunDirectory::Open(absl::string_view path) {
  RunDirectory run(path);
  if (!FileExists(run.config_path())) {
    return absl::NotFoundError(
        absl::StrCat(path, " is not a run directory: there is no ",
                     run.config_path(), "; `cogdist train` makes one"));
  }
  return run;
}

std::string RunDirectory::log_path(int rank) const {
  return Name(absl::StrFormat("log/rank_%05d.log", rank));
}

std::string RunDirectory::ledger_path(absl::string_view host) const {
  return Name(absl::StrCat("log/ledger_", host, ".bin"));
}

std::string RunDirectory::diagnostics_path(int rank) const {
  return Name(absl::StrFormat("log/diagnostics_rank_%05d.txt", rank));
}

bool RunDirectory::HasMetrics() const {
  std::error_code error;
  const auto size = fs::file_size(metrics_path(), error);
  return !error && size > 0;
}

bool RunDirectory::HasCheckpoint() const {
  const absl::StatusOr<std::vector<CheckpointFolder>> checkpoints =
      ListCheckpoints(PosixFileSystem(), path_);
  return checkpoints.ok() && !checkpoints->empty();
}

absl::Status RunDirectory::CheckContinuable() const {
  if (!HasMetrics() || HasCheckpoint()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "run_dir: ", path_,
      " holds the metrics of an earlier run but no checkpoint to go on from; "
      "`--resume none` moves the old run to old_N/ in there and starts anew, "
      "or choose another run_dir"));
}

absl::Status RunDirectory::MoveAside() const {
  std::vector<absl::string_view> entries;
  for (absl::string_view entry : kEntries) {
    if (FileExists(Name(entry))) entries.push_back(entry);
  }
  if (entries.empty()) return absl::OkStatus();
  FileSystem& files = PosixFileSystem();
  std::string old;
  // This settles the name: it makes the folder or says that there is one.
  for (int n = 1;; ++n) {
    old = Name(absl::StrCat("old_", n));
    const absl::Status made = files.CreateDirectory(old);
    if (made.ok()) break;
    if (!absl::IsAlreadyExists(made)) return made;
  }
  for (absl::string_view entry : entries) {
    COG_RETURN_IF_ERROR(
        files.Rename(Name(entry), absl::StrCat(old, "/", entry)));
  }
  COG_RETURN_IF_ERROR(files.SyncDirectory(old));
  return files.SyncDirectory(path_);
}

std::string RunDirectory::Name(absl::string_view entry) const {
  return (fs::path(path_) / std::string(entry)).string();
}

}  // namespace cogdist
