// A run's configuration: read from its file, changed from the command line,
// and resolved so that no reader has to know a default.

#ifndef COGDIST_LAUNCHER_CONFIG_H_
#define COGDIST_LAUNCHER_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Reads `path`, applies `overrides` ("PATH=VALUE", see config_override.h) in
// order and resolves the result. It is not validated (see validate.h).
absl::StatusOr<RunConfig> LoadRunConfig(
    absl::string_view path, absl::Span<const std::string> overrides);

// Fills in every default: those of the schema, and those that follow from
// other fields (num_kv_heads, head_dim, seq_len, decay_steps, name from the
// base name of `path`, run_dir). A field is left unset only if it is required
// or means "none" when absent. Resolving twice changes nothing.
void ResolveConfig(absl::string_view path, RunConfig& config);

// The configuration in text format, to be read again with the same result:
// doubles are printed so that they read back exactly.
std::string PrintRunConfig(const RunConfig& config);

// Sequences of one forward pass: batch.micro_batch_size, or one where sums must
// not depend on it.
int64_t SequencesPerPass(const RunConfig& config);

// Targets of one update over all ranks. `config` is resolved.
int64_t TokensPerStep(const RunConfig& config);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONFIG_H_
