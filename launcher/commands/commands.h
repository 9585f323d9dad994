// The table of everything `cogdist` can do. A new command is one entry in
// commands.cc and one file with its flags and its function.

#ifndef COGDIST_LAUNCHER_COMMANDS_COMMANDS_H_
#define COGDIST_LAUNCHER_COMMANDS_COMMANDS_H_

#include "launcher/command_line.h"

namespace cogdist {

Program CogdistProgram();

// Each is defined in its own file, launcher/commands/NAME_command.cc; those of
// two words, "checkpoint list", in checkpoint_list_command.cc.
Command TrainCommand();
Command PrepareCommand();
Command EvalCommand();
Command GenerateCommand();
Command CheckpointListCommand();
Command CheckpointInspectCommand();
Command CheckpointVerifyCommand();
Command CheckpointExportCommand();
Command CheckpointImportCommand();
Command BenchCommand();

// Shared by the commands that read a run's configuration.
inline constexpr Argument kConfigArgument = {
    .name = "CONFIG.pbtxt",
    .help =
        "The run's configuration, protobuf text format. "
        "docs/configuration.md explains every field."};
inline constexpr Flag kSetFlag = {
    .name = "set",
    .value = "PATH=VALUE",
    .help =
        "Change one field of the configuration, e.g. --set "
        "model.cogformer.num_layers=8; later ones win. Enums are written "
        "by name, strings without quotes; data.train.0.prefix=X reaches "
        "into a list, the index after the last appends, PATH=[] clears.",
    .repeatable = true};

// Shared by the commands that use a trained model.
inline constexpr Flag kCheckpointFlag = {
    .name = "checkpoint",
    .value = "PATH",
    .help =
        "A checkpoint's folder, a safetensors file, or a folder of them; by "
        "default the newest whole checkpoint in the run directory, or else the "
        "final weights there."};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_COMMANDS_COMMANDS_H_
