#include "launcher/inference.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/config.h"
#include "launcher/run_directory.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/restore.h"
#include "parallel/weights.h"
#include "runtime/file.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<RunConfig> LoadInferenceConfig(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadRunConfig(command.arguments()[0],
                                                       command.All("set")));
  const std::string tokenizer = RunDirectory(config.run_dir()).tokenizer_path();
  if (FileExists(tokenizer)) config.set_tokenizer(tokenizer);
  return config;
}

absl::Status LoadTrainedWeights(const RunConfig& config,
                                absl::string_view checkpoint,
                                RankContext& context, ParamStore& params) {
  const RestoreArgs restore = {.files = PosixFileSystem(),
                               .context = context,
                               .params = params,
                               .contents = CheckpointContents::kWeights};
  const RunDirectory run(config.run_dir());
  const std::string path =
      checkpoint.empty() ? run.weights_path() : std::string(checkpoint);
  if (FileExists(absl::StrCat(path, "/", kManifestName))) {
    return RestoreCheckpoint(restore, path).status();
  }
  if (!checkpoint.empty() || FileExists(path)) {
    return LoadWeights(path, params, *context.streams.compute,
                       context.groups.pipeline.get());
  }
  COG_ASSIGN_OR_RETURN(const RestoredNewest newest,
                       RestoreNewest(restore, config.run_dir()));
  if (newest.checkpoint.has_value()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      "run_dir: no trained weights in ", path, " and no whole checkpoint in ",
      run.checkpoints_dir(),
      "; train first with `cogdist train`, or give a path with --checkpoint",
      newest.passed_over.empty() ? "" : ":\n  ",
      absl::StrJoin(newest.passed_over, "\n  ")));
}

}  // namespace cogdist
