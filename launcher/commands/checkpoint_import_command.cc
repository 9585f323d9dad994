#include <string>
#include <vector>

#include "launcher/commands/commands.h"
#include "launcher/commands/model_folder_flags.h"
#include "launcher/convert/weight_import.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<ExitCode> RunImport(const ParsedCommand& command) {
  const absl::Span<const std::string> overrides = command.All("set");
  ImportOptions options = {.path = command.arguments()[0],
                           .config = command.Text("config", ""),
                           .overrides = {overrides.begin(), overrides.end()}};
  COG_ASSIGN_OR_RETURN(options.output, ParseModelFolderFlags(command));
  COG_ASSIGN_OR_RETURN(const WeightFilesSummary summary,
                       ImportWeights(options));
  PrintModelFolder(options.output, summary);
  return ExitCode::kDone;
}

}  // namespace

Command CheckpointImportCommand() {
  return {
      .name = "checkpoint import",
      .summary = "other programs' weights as weights for init_from",
      .arguments = {{.name = "PATH",
                     .help = "A safetensors file, or a folder of them: of a "
                             "Llama in Hugging Face's layout, or of a "
                             "Cogformer in that or in its authors' layout."}},
      .flags =
          {
              kOutputFlag,
              {.name = "config",
               .value = "FILE",
               .help = "The model's config.json, or the configuration of a "
                       "run; by default config.json beside the weights."},
              kSetFlag,
              kDTypeFlag,
              kMaxShardFlag,
          },
      .notes =
          "DIR/config.pbtxt is a configuration with the model and these "
          "weights: add data\nand training to it. What neither --config nor "
          "--set says is read off the\ntensors.",
      .run = RunImport,
  };
}

}  // namespace cogdist
