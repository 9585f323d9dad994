// Flags of the commands that write a folder of weights for others.

#ifndef COGDIST_LAUNCHER_COMMANDS_MODEL_FOLDER_FLAGS_H_
#define COGDIST_LAUNCHER_COMMANDS_MODEL_FOLDER_FLAGS_H_

#include "absl/status/statusor.h"
#include "launcher/command_line.h"
#include "launcher/convert/model_folder.h"

namespace cogdist {

inline constexpr Flag kOutputFlag = {
    .name = "output",
    .value = "DIR",
    .help = "The folder to write; must not exist yet. Required."};
inline constexpr Flag kDTypeFlag = {
    .name = "dtype",
    .value = "FP32|BF16",
    .help =
        "Number format of the weights written; BF16 halves them, rounded "
        "to nearest. FP32 by default."};
inline constexpr Flag kMaxShardFlag = {
    .name = "max_shard_gb",
    .value = "N",
    .help =
        "Begin another file before one has more than N times 10^9 bytes. "
        "5 by default."};

// What the flags say; the folders above the output are there afterwards.
absl::StatusOr<ModelFolderOptions> ParseModelFolderFlags(
    const ParsedCommand& command);

// Says on the standard output what was written.
void PrintModelFolder(const ModelFolderOptions& options,
                      const WeightFilesSummary& summary);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_COMMANDS_MODEL_FOLDER_FLAGS_H_
