// The rules behind ValidateConfig, by topic. Each looks at a resolved
// configuration and adds what it finds wrong; none relies on another having
// passed, so that all faults are reported together.

#ifndef COGDIST_LAUNCHER_VALIDATE_RULES_H_
#define COGDIST_LAUNCHER_VALIDATE_RULES_H_

#include <cstdint>

#include "launcher/faults.h"
#include "launcher/validate.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Every field on its own: present where it is required, inside its limits,
// finite. `training`: what only training requires is required.
void CheckRanges(const RunConfig& config, bool training, Faults& faults);

// Heads against the hidden size, key/value heads, layers with softmax.
void CheckModel(const RunConfig& config, Faults& faults);

// Ranks against the degrees of parallelism, batch against data-parallel ranks.
void CheckLayout(const RunConfig& config, int64_t world_size, Faults& faults);

// The model against the degrees of parallelism.
void CheckParallel(const RunConfig& config, Faults& faults);

// Whether the device has sums as deterministic as is asked for.
void CheckDeterministic(const RunConfig& config, Faults& faults);

// Ranks and batch against what LAYOUT_INVARIANT sums can be shared out to.
void CheckLayoutInvariant(const RunConfig& config, int64_t world_size,
                          Faults& faults);

// Learning rate, warm-up, decay and cooldown against each other.
void CheckSchedule(const RunConfig& config, Faults& faults);

// Sequence length, end-of-document token; for training also what datasets there
// are.
void CheckData(const RunConfig& config, bool training, Faults& faults);

// The files that `purpose` needs: there, whole, and fitting the model and each
// other.
void CheckFiles(const RunConfig& config, ValidateOptions::Purpose purpose,
                Faults& faults);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_VALIDATE_RULES_H_
