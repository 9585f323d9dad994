#include "launcher/inference.h"

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/config.h"
#include "launcher/run_directory.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/restore.h"
#include "parallel/weights.h"
#include "runtime/file.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

void WarnOfPassedOver(const RestoredNewest& newest, int rank) {
  if (rank != 0) return;
  for (const std::string& reason : newest.passed_over) {
    std::cerr << "cogdist: warning: a checkpoint was passed over: " << reason
              << std::endl;
  }
}

}  // namespace

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
  const auto load_weights = [&](absl::string_view path) {
    return LoadWeights(path, params, *context.streams.compute,
                       context.groups.pipeline.get());
  };
  if (FileExists(absl::StrCat(checkpoint, "/", kManifestName))) {
    return RestoreCheckpoint(restore, checkpoint).status();
  }
  if (!checkpoint.empty()) return load_weights(checkpoint);
  const RunDirectory run(config.run_dir());
  COG_ASSIGN_OR_RETURN(const RestoredNewest newest,
                       RestoreNewest(restore, config.run_dir()));
  if (newest.checkpoint.has_value() || FileExists(run.weights_path())) {
    WarnOfPassedOver(newest, context.rank());
    return newest.checkpoint.has_value() ? absl::OkStatus()
                                         : load_weights(run.weights_path());
  }
  return absl::NotFoundError(absl::StrCat(
      "run_dir: no whole checkpoint in ", CheckpointsPath(config.run_dir()),
      " and no trained weights in ", run.weights_path(),
      "; train first with `cogdist train`, or give a path with --checkpoint",
      newest.passed_over.empty() ? "" : ":\n  ",
      absl::StrJoin(newest.passed_over, "\n  ")));
}

}  // namespace cogdist
