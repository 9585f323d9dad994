// What `eval` and `generate` have in common: a configuration with the tokenizer
// and the weights that its run has left.

#ifndef COGDIST_LAUNCHER_INFERENCE_H_
#define COGDIST_LAUNCHER_INFERENCE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "launcher/command_line.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// The configuration in the command's first argument under its --set flags, with
// the run directory's copy of the tokenizer where there is one. Not validated.
absl::StatusOr<RunConfig> LoadInferenceConfig(const ParsedCommand& command);

// Fills the parameters with trained weights: from `checkpoint`, which is a
// safetensors file, a folder of such files or a checkpoint's folder; where it
// is empty, from the newest whole checkpoint in the configuration's run
// directory, damaged ones being warned of, or else from the final weights
// there. NotFound if there is neither. Collective over all ranks.
absl::Status LoadTrainedWeights(const RunConfig& config,
                                absl::string_view checkpoint,
                                RankContext& context, ParamStore& params);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_INFERENCE_H_
