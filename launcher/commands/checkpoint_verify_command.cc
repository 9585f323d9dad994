#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/checkpoint_lookup.h"
#include "launcher/checkpoint_text.h"
#include "launcher/commands/commands.h"
#include "launcher/human_format.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/clock.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Reads a checkpoint in full and prints what it finds. Whether all is well.
bool VerifyAndPrint(FileSystem& files, const std::string& path) {
  const double start = MonotonicSeconds();
  const auto checkpoint = ReadCheckpointManifest(files, path);
  std::vector<absl::Status> faults;
  if (checkpoint.ok()) {
    faults = VerifyCheckpoint(files, *checkpoint);
  } else {
    faults.push_back(checkpoint.status());
  }
  if (faults.empty()) {
    std::cout << path << ": whole, " << checkpoint->manifest.tensors_size()
              << " tensors, " << FormatBytes(ShardBytes(checkpoint->manifest))
              << ", read in " << FormatDuration(MonotonicSeconds() - start)
              << std::endl;
    return true;
  }
  std::cout << path << ": DAMAGED, "
            << absl::StrCat(faults.size(),
                            faults.size() == 1 ? " fault" : " faults")
            << "\n";
  for (const absl::Status& fault : faults) {
    std::cout << "  " << fault.message() << "\n";
  }
  std::cout << std::flush;
  return false;
}

absl::StatusOr<ExitCode> RunVerify(const ParsedCommand& command) {
  FileSystem& files = PosixFileSystem();
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                       FindCheckpoints(files, command.arguments()[0]));
  bool whole = true;
  for (const std::string& path : paths) {
    whole = VerifyAndPrint(files, path) && whole;
  }
  return whole ? ExitCode::kDone : ExitCode::kFailed;
}

}  // namespace

Command CheckpointVerifyCommand() {
  return {
      .name = "checkpoint verify",
      .summary = "read checkpoints in full and check every byte",
      .arguments = {{.name = "CHECKPOINT_DIR|RUN_DIR",
                     .help = "One checkpoint (RUN_DIR/checkpoints/step_N), or "
                             "a run directory or configuration for all of "
                             "the run."}},
      .notes =
          "Exit code 0: all are whole. Exit code 1: some are damaged, or "
          "cannot be read;\nevery damaged file and tensor is named.",
      .run = RunVerify,
  };
}

}  // namespace cogdist
