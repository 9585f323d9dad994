// What `eval` and `generate` have in common: the weights and the tokenizer that
// belong to a configuration.

#ifndef COGDIST_LAUNCHER_INFERENCE_H_
#define COGDIST_LAUNCHER_INFERENCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "launcher/command_line.h"
#include "parallel/param_store.h"
#include "proto/run_config.pb.h"
#include "runtime/data/tokenizer.h"
#include "runtime/stream.h"

namespace cogdist {

// The configuration in the command's first argument under its --set flags,
// checked for inference.
absl::StatusOr<RunConfig> LoadInferenceConfig(const ParsedCommand& command);

// Fills `params` from `checkpoint`, or where that is empty from the final
// weights in the configuration's run directory.
absl::Status LoadTrainedWeights(const RunConfig& config,
                                absl::string_view checkpoint,
                                ParamStore& params, Stream& stream);

// The run directory's copy of the tokenizer, or else the configuration's.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadRunTokenizer(
    const RunConfig& config);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_INFERENCE_H_
