#include "launcher/commands/commands.h"

namespace cogdist {
namespace {

constexpr absl::string_view kNotes =
    "`cogdist CONFIG.pbtxt ...` is short for `cogdist train CONFIG.pbtxt "
    "...`.\n\n"
    "Exit codes:\n"
    "  0   done\n"
    "  1   failed while running; a restart may help\n"
    "  2   bad usage, configuration or input; the message says what to change\n"
    "  75  stopped by request after a checkpoint was written; start again\n"
    "  93  stopped for good; do not requeue";

}  // namespace

Program CogdistProgram() {
  Program program{.name = "cogdist",
                  .version = COGDIST_VERSION,
                  .summary = "a distributed trainer for Cogformers",
                  .commands = {},
                  .default_command = "train",
                  .notes = kNotes};
  program.commands = {
      TrainCommand(),
      {.name = "launch",
       .summary = "start, watch and restart a multi-node job",
       .arguments = {kConfigArgument}},
      {.name = "sweep",
       .summary = "run a grid of training jobs and fit scaling laws",
       .arguments = {{.name = "SWEEP.pbtxt", .help = "What to run."}}},
      {.name = "plan",
       .summary = "memory and step time per rank, before anything is started",
       .arguments = {kConfigArgument}},
      PrepareCommand(),
      EvalCommand(),
      GenerateCommand(),
      {.name = "analyze",
       .summary = "attention signs, over-squashing and collapse of a model",
       .arguments = {kConfigArgument}},
      CheckpointListCommand(),
      CheckpointInspectCommand(),
      CheckpointVerifyCommand(),
      CheckpointExportCommand(),
      CheckpointImportCommand(),
      BenchCommand(),
  };
  return program;
}

}  // namespace cogdist
