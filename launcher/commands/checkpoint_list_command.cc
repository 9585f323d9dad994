#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/checkpoint_lookup.h"
#include "launcher/checkpoint_text.h"
#include "launcher/commands/commands.h"
#include "launcher/human_format.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

void PrintRow(absl::string_view step, absl::string_view tokens,
              absl::string_view size, absl::string_view rest) {
  std::cout << absl::StrFormat("%10s  %8s  %10s  %s\n", step, tokens, size,
                               rest);
}

void PrintCheckpoint(FileSystem& files, const CheckpointFolder& folder) {
  const auto checkpoint = OpenCheckpoint(files, folder.path);
  if (!checkpoint.ok()) {
    PrintRow(absl::StrCat(folder.step), "-", "-",
             absl::StrCat("not usable: ", checkpoint.status().message()));
    return;
  }
  const CheckpointManifest& manifest = checkpoint->manifest;
  PrintRow(absl::StrCat(folder.step),
           FormatCount(static_cast<double>(manifest.train_state().tokens())),
           FormatBytes(ShardBytes(manifest)), LayoutText(manifest.layout()));
}

// Of a crashed write, or set aside by a resume.
std::vector<std::string> OtherFolders(
    FileSystem& files, const std::string& parent,
    const std::vector<CheckpointFolder>& folders) {
  std::vector<std::string> others;
  const auto names = files.ListDirectory(parent);
  if (!names.ok()) return others;
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(parent, "/", name);
    const bool listed =
        std::any_of(folders.begin(), folders.end(),
                    [&](const auto& folder) { return folder.path == path; });
    if (!listed) others.push_back(path);
  }
  return others;
}

absl::StatusOr<ExitCode> RunList(const ParsedCommand& command) {
  FileSystem& files = PosixFileSystem();
  COG_ASSIGN_OR_RETURN(const std::string run_dir,
                       FindRunDirectory(files, command.arguments()[0]));
  COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                       ListCheckpoints(files, run_dir));
  const std::string parent = CheckpointsPath(run_dir);
  if (folders.empty()) {
    std::cout << "no checkpoints in " << parent << "\n";
  } else {
    std::cout << parent << "\n";
    PrintRow("step", "tokens", "size", "written by");
  }
  for (const CheckpointFolder& folder : folders) {
    PrintCheckpoint(files, folder);
  }
  for (const std::string& path : OtherFolders(files, parent, folders)) {
    std::cout << "no checkpoint: " << path << "\n";
  }
  return ExitCode::kDone;
}

}  // namespace

Command CheckpointListCommand() {
  return {
      .name = "checkpoint list",
      .summary = "a run's checkpoints, newest first",
      .arguments = {{.name = "RUN_DIR|CONFIG",
                     .help = "A run directory, or the configuration that "
                             "names it in run_dir."}},
      .notes =
          "Looks at manifests and at the lengths of files; `cogdist checkpoint "
          "verify` also\nreads the data. Folders that are no checkpoint are "
          "listed at the end: unfinished\nwrites (.tmp-) and deletions "
          "(.trash-), which the run's next start removes, and\ncheckpoints "
          "that were set aside when the run went on from an earlier step\n"
          "(.old-).",
      .run = RunList,
  };
}

}  // namespace cogdist
