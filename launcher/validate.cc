#include "launcher/validate.h"

#include "launcher/faults.h"
#include "launcher/validate_rules.h"

namespace cogdist {

absl::Status ValidateConfig(const RunConfig& config,
                            const ValidateOptions& options) {
  const bool training = options.purpose == ValidateOptions::Purpose::kTraining;
  Faults faults;
  CheckRanges(config, training, faults);
  CheckModel(config, faults);
  CheckDeterministic(config, faults);
  if (options.purpose != ValidateOptions::Purpose::kGeneration) {
    CheckLayout(config, options.world_size, faults);
    CheckParallel(config, faults);
  }
  if (training) {
    CheckLayoutInvariant(config, options.world_size, faults);
    CheckSchedule(config, faults);
  }
  CheckData(config, training, faults);
  if (options.check_files) CheckFiles(config, options.purpose, faults);
  return faults.ToStatus();
}

absl::Status ValidateFiles(const RunConfig& config) {
  Faults faults;
  CheckFiles(config, ValidateOptions::Purpose::kTraining, faults);
  return faults.ToStatus();
}

}  // namespace cogdist
