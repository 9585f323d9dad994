#include <iostream>

#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/validate.h"
#include "models/cost.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<ExitCode> RunTrain(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(
      const RunConfig config,
      LoadRunConfig(command.arguments()[0], command.All("set")));
  COG_ASSIGN_OR_RETURN(const int64_t ranks,
                       command.Integer("ranks", 1, {.min = 1}));
  COG_RETURN_IF_ERROR(ValidateConfig(config, {.world_size = ranks}));
  if (command.Has("dry_run")) {
    std::cout << config.name() << ": the configuration is valid on " << ranks
              << " ranks; " << ParameterCount(config.model().cogformer())
              << " parameters\n";
    return ExitCode::kDone;
  }
  return absl::UnimplementedError("training is not built yet");
}

}  // namespace

Command TrainCommand() {
  return {
      .name = "train",
      .summary = "train a model; under mpirun or srun a process is one rank",
      .arguments = {kConfigArgument},
      .flags =
          {
              kSetFlag,
              {.name = "resume",
               .value = "auto|none|DIR",
               .help = "auto (the default): go on from the newest whole "
                       "checkpoint in the run directory, else start afresh; "
                       "none: move an old run to old_N and start afresh; DIR: "
                       "go on from this checkpoint."},
              {.name = "allow_change",
               .value = "FIELD",
               .help = "Go on although this field differs from the "
                       "checkpoint's.",
               .repeatable = true},
              {.name = "dry_run",
               .value = "",
               .help = "Check the configuration, print the plan, train "
                       "nothing."},
              {.name = "ranks",
               .value = "N",
               .help = "With --dry_run: plan N ranks from one process."},
              {.name = "steps",
               .value = "N",
               .help = "Train N more steps, then end as if done."},
              {.name = "profile",
               .value = "A:B",
               .help = "Write a Chrome trace of steps A to B."},
          },
      .notes =
          "docs/configuration.md explains the configuration, field by "
          "field; configs/ has\nexamples. The run directory gets "
          "config.pbtxt, the configuration with every\ndefault filled "
          "in.",
      .run = RunTrain,
  };
}

}  // namespace cogdist
