#include "launcher/inference.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "launcher/run_directory.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<RunConfig> LoadInferenceConfig(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadRunConfig(command.arguments()[0],
                                                       command.All("set")));
  const std::string tokenizer = RunDirectory(config.run_dir()).tokenizer_path();
  if (FileExists(tokenizer)) config.set_tokenizer(tokenizer);
  return config;
}

absl::StatusOr<std::string> TrainedWeights(const RunConfig& config,
                                           absl::string_view checkpoint) {
  if (!checkpoint.empty()) return std::string(checkpoint);
  const std::string path = RunDirectory(config.run_dir()).weights_path();
  if (!FileExists(path)) {
    return absl::NotFoundError(
        absl::StrCat("run_dir: no trained weights in ", path,
                     "; train first with `cogdist train`, or give their path "
                     "with --checkpoint"));
  }
  return path;
}

}  // namespace cogdist
