#include <string>
#include <vector>

#include "launcher/checkpoint_lookup.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/model_folder_flags.h"
#include "launcher/convert/checkpoint_export.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<ExitCode> RunExport(const ParsedCommand& command) {
  FileSystem& files = PosixFileSystem();
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                       FindCheckpoints(files, command.arguments()[0]));
  COG_ASSIGN_OR_RETURN(const StoredCheckpoint checkpoint,
                       OpenCheckpoint(files, paths[0]));
  COG_ASSIGN_OR_RETURN(const ModelFolderOptions options,
                       ParseModelFolderFlags(command));
  COG_ASSIGN_OR_RETURN(const WeightFilesSummary summary,
                       ExportCheckpoint(files, checkpoint, options));
  PrintModelFolder(options, summary);
  return ExitCode::kDone;
}

}  // namespace

Command CheckpointExportCommand() {
  return {
      .name = "checkpoint export",
      .summary = "a checkpoint as weights for other programs",
      .arguments = {{.name = "CHECKPOINT_DIR",
                     .help = "RUN_DIR/checkpoints/step_N; of a run directory "
                             "or configuration the newest."}},
      .flags = {kOutputFlag, kDTypeFlag, kMaxShardFlag},
      .notes =
          "The folder has what Hugging Face Transformers reads: "
          "safetensors files,\nconfig.json and the run's tokenizer. Models "
          "with softmax attention in all layers\nload there as Llama.",
      .run = RunExport,
  };
}

}  // namespace cogdist
