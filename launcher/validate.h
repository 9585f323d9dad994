// Everything that can be known to be wrong with a configuration before any work
// starts, reported together.

#ifndef COGDIST_LAUNCHER_VALIDATE_H_
#define COGDIST_LAUNCHER_VALIDATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "proto/run_config.pb.h"

namespace cogdist {

struct ValidateOptions {
  enum class Purpose {
    // `train`: everything is checked.
    kTraining,
    // `eval`: ranges, model, layout, tokenizer and validation data; a
    // configuration whose training data is gone can still be used.
    kEvaluation,
    // `generate`: ranges, model and tokenizer.
    kGeneration,
  };

  // Ranks of the run.
  int64_t world_size = 1;
  Purpose purpose = Purpose::kTraining;
  // Also look at the files that the configuration names: datasets, tokenizer,
  // initial weights.
  bool check_files = true;
};

// Checks a resolved configuration (see config.h). InvalidArgument has a line
// for each fault: the field's path, the value given, what is wrong, and the
// nearest value that works.
absl::Status ValidateConfig(const RunConfig& config,
                            const ValidateOptions& options);

// The files alone, for training.
absl::Status ValidateFiles(const RunConfig& config);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_VALIDATE_H_
