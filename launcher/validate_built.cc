#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void NotBuilt(absl::string_view path, absl::string_view given,
              absl::string_view what, absl::string_view remedy,
              Faults& faults) {
  faults.Add(path, given, ": ", what, " not built yet; set ", path, ": ",
             remedy);
}

void CheckParallel(const ParallelConfig& parallel, Faults& faults) {
  const auto only = [&](absl::string_view path, int64_t given, int64_t built,
                        absl::string_view what) {
    if (given <= built) return;  // too small a value is out of range
    NotBuilt(absl::StrCat("parallel.", path), absl::StrCat(given), what,
             absl::StrCat(built), faults);
  };
  only("tensor", parallel.tensor(), 1, "tensor parallelism is");
  only("pipeline", parallel.pipeline(), 1, "pipeline parallelism is");
  only("context", parallel.context(), 1, "context parallelism is");
  only("zero_stage", parallel.zero_stage(), 0, "sharded optimizer state is");
  only("virtual_pipeline", parallel.virtual_pipeline(), 1,
       "the interleaved pipeline schedule is");
  if (parallel.sequence_parallel()) {
    NotBuilt("parallel.sequence_parallel", "true", "sequence parallelism is",
             "false", faults);
  }
  if (parallel.layers_per_stage_size() > 0) {
    faults.Add("parallel.layers_per_stage",
               "pipeline parallelism is not built yet; leave it out (--set "
               "parallel.layers_per_stage=[])");
  }
}

}  // namespace

void CheckBuilt(const RunConfig& config, Faults& faults) {
  CheckParallel(config.parallel(), faults);
  if (config.deterministic() == LAYOUT_INVARIANT) {
    NotBuilt("deterministic", "LAYOUT_INVARIANT",
             "equal bits for all layouts are", "RUN_TO_RUN", faults);
  }
  if (config.device() == CUDA) {
    NotBuilt("device", "CUDA", "training on GPUs is", "CPU", faults);
  }
  if (config.checkpoint().every_steps() > 0) {
    NotBuilt("checkpoint.every_steps",
             absl::StrCat(config.checkpoint().every_steps()),
             "checkpoints during a run are", "0", faults);
  }
}

}  // namespace cogdist
