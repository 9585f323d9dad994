#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void NotBuilt(absl::string_view path, absl::string_view given,
              absl::string_view what, absl::string_view remedy,
              Faults& faults) {
  faults.Add(path, given, ": ", what, " not built yet; set ", path, ": ",
             remedy);
}

}  // namespace

void CheckBuilt(const RunConfig& config, Faults& faults) {
  if (config.device() == CUDA) {
    NotBuilt("device", "CUDA", "training on GPUs is", "CPU", faults);
  }
}

}  // namespace cogdist
