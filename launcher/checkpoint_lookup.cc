#include "launcher/checkpoint_lookup.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "launcher/run_directory.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/manifest_file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::string_view WithoutSlashes(absl::string_view path) {
  while (path.size() > 1 && absl::EndsWith(path, "/")) path.remove_suffix(1);
  return path;
}

bool Has(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What `path` is, from its name and the names in it.
enum class Kind { kFile, kRun, kCheckpoint, kOther };

absl::StatusOr<Kind> KindOf(FileSystem& files, absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const bool exists, files.Exists(path));
  if (!exists) {
    return absl::NotFoundError(absl::StrCat(
        path,
        ": there is no such file or folder; name a run directory, a "
        "configuration or a checkpoint"));
  }
  const absl::StatusOr<std::vector<std::string>> names =
      files.ListDirectory(path);
  if (!names.ok()) {
    const bool is_file = files.OpenFile(path).ok();
    return is_file ? absl::StatusOr<Kind>(Kind::kFile) : names.status();
  }
  const RunDirectory run(path);
  for (const std::string& entry :
       {CheckpointsPath(path), run.config_path(), run.metrics_path()}) {
    if (Has(*names, entry.substr(entry.rfind('/') + 1))) return Kind::kRun;
  }
  // A damaged one may have lost its manifest.
  const absl::string_view name = path.substr(path.rfind('/') + 1);
  return Has(*names, kManifestName) || absl::StartsWith(name, "step_")
             ? Kind::kCheckpoint
             : Kind::kOther;
}

absl::StatusOr<std::string> RunDirectoryOf(Kind kind, absl::string_view path) {
  if (kind == Kind::kRun) return std::string(path);
  if (kind == Kind::kFile) {
    COG_ASSIGN_OR_RETURN(const RunConfig config, LoadRunConfig(path, {}));
    return config.run_dir();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, kind == Kind::kCheckpoint
                ? " is a checkpoint, not a run: name the folder that holds its "
                  "`checkpoints`"
                : " is no run directory: it has no `checkpoints` and no "
                  "config.pbtxt"));
}

}  // namespace

absl::StatusOr<std::string> FindRunDirectory(FileSystem& files,
                                             absl::string_view path) {
  path = WithoutSlashes(path);
  COG_ASSIGN_OR_RETURN(const Kind kind, KindOf(files, path));
  return RunDirectoryOf(kind, path);
}

absl::StatusOr<std::vector<std::string>> FindCheckpoints(
    FileSystem& files, absl::string_view path) {
  path = WithoutSlashes(path);
  COG_ASSIGN_OR_RETURN(const Kind kind, KindOf(files, path));
  if (kind == Kind::kCheckpoint) {
    return std::vector<std::string>{std::string(path)};
  }
  COG_ASSIGN_OR_RETURN(const std::string run_dir, RunDirectoryOf(kind, path));
  COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                       ListCheckpoints(files, run_dir));
  std::vector<std::string> paths;
  for (const CheckpointFolder& folder : folders) paths.push_back(folder.path);
  if (!paths.empty()) return paths;
  return absl::NotFoundError(absl::StrCat(
      run_dir, ": the run has no checkpoints in ", CheckpointsPath(run_dir)));
}

}  // namespace cogdist
