#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/checkpoint_lookup.h"
#include "launcher/checkpoint_text.h"
#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/nearest_name.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/slice_reader.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Elements in memory at a time.
constexpr int64_t kPiece = 1 << 20;

absl::StatusOr<const CheckpointTensor*> FindTensor(
    const StoredCheckpoint& checkpoint, const std::string& name) {
  std::vector<std::string> names;
  for (const CheckpointTensor& tensor : checkpoint.manifest.tensors()) {
    names.push_back(CheckpointTensorName(tensor.name(), tensor.role()));
    if (names.back() == name) return &tensor;
  }
  return absl::NotFoundError(
      absl::StrCat("--tensor: ", checkpoint.path, " has no tensor '", name,
                   "'; did you mean '", NearestName(name, names), "'?"));
}

absl::StatusOr<ValueStatistics> StatisticsOf(FileSystem& files,
                                             const StoredCheckpoint& checkpoint,
                                             const CheckpointTensor& tensor) {
  SliceReader reader(files, checkpoint);
  ValueStatistics statistics;
  std::vector<float> values;
  for (const CheckpointSlice& slice : tensor.slices()) {
    const int64_t count = slice.bytes() / int64_t{sizeof(float)};
    for (int64_t begin = 0; begin < count; begin += kPiece) {
      values.resize(std::min(kPiece, count - begin));
      const CommonRun run = {.in_a = 0,
                             .in_b = begin,
                             .count = static_cast<int64_t>(values.size())};
      COG_RETURN_IF_ERROR(
          reader.Read(tensor, slice, {run}, absl::MakeSpan(values)));
      statistics.Add(values);
    }
  }
  return statistics;
}

absl::StatusOr<ExitCode> RunInspect(const ParsedCommand& command) {
  FileSystem& files = PosixFileSystem();
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                       FindCheckpoints(files, command.arguments()[0]));
  COG_ASSIGN_OR_RETURN(const StoredCheckpoint checkpoint,
                       OpenCheckpoint(files, paths[0]));
  if (command.Has("config")) {
    std::cout << PrintRunConfig(checkpoint.manifest.config());
  }
  for (const std::string& name : command.All("tensor")) {
    COG_ASSIGN_OR_RETURN(const CheckpointTensor* const tensor,
                         FindTensor(checkpoint, name));
    COG_ASSIGN_OR_RETURN(const ValueStatistics statistics,
                         StatisticsOf(files, checkpoint, *tensor));
    std::cout << DescribeTensor(checkpoint.manifest, *tensor, statistics);
  }
  if (!command.Has("config") && !command.Has("tensor")) {
    std::cout << DescribeCheckpoint(checkpoint);
  }
  return ExitCode::kDone;
}

}  // namespace

Command CheckpointInspectCommand() {
  return {
      .name = "checkpoint inspect",
      .summary = "what a checkpoint holds",
      .arguments = {{.name = "CHECKPOINT_DIR",
                     .help = "RUN_DIR/checkpoints/step_N; of a run directory "
                             "or configuration the newest."}},
      .flags =
          {
              {.name = "tensor",
               .value = "NAME",
               .help = "Show where this tensor lies, and smallest, largest, "
                       "mean and root mean square of its values. Moments are "
                       "called NAME.adam_m and NAME.adam_v.",
               .repeatable = true},
              {.name = "config",
               .value = "",
               .help = "Show the configuration that it was written under, in "
                       "full."},
          },
      .notes =
          "Without flags: step, model and layout, and tables of its "
          "shards and its tensors.",
      .run = RunInspect,
  };
}

}  // namespace cogdist
