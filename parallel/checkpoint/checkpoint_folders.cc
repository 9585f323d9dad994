#include "parallel/checkpoint/checkpoint_folders.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "parallel/checkpoint/run_owner.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

std::string NameOf(int64_t step) { return absl::StrFormat("step_%08d", step); }

// The step of a checkpoint's name; none for all other names.
std::optional<int64_t> StepOf(absl::string_view name) {
  absl::string_view digits = name;
  int64_t step = 0;
  if (!absl::ConsumePrefix(&digits, "step_") ||
      !absl::SimpleAtoi(digits, &step) || step < 0 || NameOf(step) != name) {
    return std::nullopt;
  }
  return step;
}

bool IsLeftover(absl::string_view name) {
  return (absl::StartsWith(name, "step_") ||
          absl::StartsWith(name, "attempt_")) &&
         (absl::StrContains(name, ".tmp-") ||
          absl::StrContains(name, ".trash-"));
}

// Of a leftover or a checkpoint.
std::string TrashPath(absl::string_view folder) {
  const size_t suffix = folder.find('.', folder.rfind('/'));
  return absl::StrCat(folder.substr(0, suffix), ".trash-", RandomHex(4));
}

// Renamed first: whoever still writes to it can neither add files nor commit
// it.
absl::Status Discard(FileSystem& files, const std::string& leftover) {
  const std::string trash = TrashPath(leftover);
  const absl::Status renamed = files.RenameNoReplace(leftover, trash);
  if (absl::IsNotFound(renamed)) return absl::OkStatus();
  COG_RETURN_IF_ERROR(renamed);
  // Network file systems keep a name for a file that somebody has open.
  RemoveDirectoryAndFiles(files, trash).IgnoreError();
  return absl::OkStatus();
}

// Makes the names of all folders above `path` durable: whoever has just made it
// may have made some of them. As far as this process may open them.
void SyncFoldersAbove(FileSystem& files, absl::string_view path) {
  while (path != "/" && path != ".") {
    path = ParentDirectory(path);
    files.SyncDirectory(path).IgnoreError();
  }
}

}  // namespace

std::string CheckpointsPath(absl::string_view run_dir) {
  return absl::StrCat(run_dir, "/checkpoints");
}

std::string CheckpointPath(absl::string_view run_dir, int64_t step) {
  return absl::StrCat(CheckpointsPath(run_dir), "/", NameOf(step));
}

std::string TemporaryCheckpointPath(absl::string_view run_dir, int64_t step,
                                    absl::string_view attempt) {
  return absl::StrCat(CheckpointPath(run_dir, step), ".tmp-", attempt, "-",
                      RandomHex(4));
}

std::string ProbePath(absl::string_view run_dir, absl::string_view attempt) {
  return absl::StrCat(CheckpointsPath(run_dir), "/attempt_", attempt, ".tmp-",
                      RandomHex(4));
}

absl::StatusOr<std::vector<CheckpointFolder>> ListCheckpoints(
    FileSystem& files, absl::string_view run_dir) {
  const std::string parent = CheckpointsPath(run_dir);
  const absl::StatusOr<std::vector<std::string>> names =
      files.ListDirectory(parent);
  std::vector<CheckpointFolder> folders;
  if (absl::IsNotFound(names.status())) return folders;
  COG_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    const std::optional<int64_t> step = StepOf(name);
    if (!step.has_value()) continue;
    folders.push_back({*step, absl::StrCat(parent, "/", name)});
  }
  std::sort(folders.begin(), folders.end(),
            [](const auto& a, const auto& b) { return a.step > b.step; });
  return folders;
}

absl::Status PrepareCheckpoints(FileSystem& files, absl::string_view run_dir) {
  const std::string parent = CheckpointsPath(run_dir);
  const absl::Status made = files.CreateDirectory(parent);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                       files.ListDirectory(parent));
  for (const std::string& name : names) {
    if (!IsLeftover(name)) continue;
    COG_RETURN_IF_ERROR(Discard(files, absl::StrCat(parent, "/", name)));
  }
  COG_RETURN_IF_ERROR(files.SyncDirectory(parent));
  COG_RETURN_IF_ERROR(files.SyncDirectory(run_dir));
  SyncFoldersAbove(files, run_dir);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SetAsideNewer(
    FileSystem& files, absl::string_view run_dir, int64_t step,
    absl::string_view attempt) {
  std::vector<std::string> moved;
  COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                       ListCheckpoints(files, run_dir));
  for (const CheckpointFolder& folder : folders) {
    if (folder.step <= step) continue;
    COG_RETURN_IF_ERROR(CheckOwnership(files, run_dir, attempt));
    moved.push_back(absl::StrCat(folder.path, ".old-", attempt));
    COG_RETURN_IF_ERROR(files.RenameNoReplace(folder.path, moved.back()));
  }
  if (!moved.empty()) {
    COG_RETURN_IF_ERROR(files.SyncDirectory(CheckpointsPath(run_dir)));
  }
  return moved;
}

absl::Status DeleteCheckpoint(FileSystem& files,
                              const CheckpointFolder& folder) {
  const std::string trash = TrashPath(folder.path);
  COG_RETURN_IF_ERROR(files.RenameNoReplace(folder.path, trash));
  // First, so that no crash leaves a part under the checkpoint's name.
  COG_RETURN_IF_ERROR(files.SyncDirectory(ParentDirectory(folder.path)));
  return RemoveDirectoryAndFiles(files, trash);
}

}  // namespace cogdist
