// What `eval` and `generate` have in common: a configuration with the tokenizer
// and the weights that its run has left.

#ifndef COGDIST_LAUNCHER_INFERENCE_H_
#define COGDIST_LAUNCHER_INFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "launcher/command_line.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// The configuration in the command's first argument under its --set flags, with
// the run directory's copy of the tokenizer where there is one. Not validated.
absl::StatusOr<RunConfig> LoadInferenceConfig(const ParsedCommand& command);

// Where to load weights from: `checkpoint`, or where that is empty the final
// weights in the configuration's run directory. NotFound if there are none.
absl::StatusOr<std::string> TrainedWeights(const RunConfig& config,
                                           absl::string_view checkpoint);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_INFERENCE_H_
