// A training run on one rank, in its run directory: start or resume, train,
// last checkpoint, last words.

#ifndef COGDIST_LAUNCHER_TRAINING_RUN_H_
#define COGDIST_LAUNCHER_TRAINING_RUN_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "launcher/exit_code.h"
#include "launcher/resume.h"
#include "launcher/stop_request.h"
#include "parallel/fault.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

struct TrainingRunOptions {
  RunConfig config;  // resolved and valid
  ResumeOptions resume;
  // Of the checkpoint to go on from, see FindStepToResume(); none: a fresh
  // start.
  std::optional<int64_t> resume_step;
  std::optional<int64_t> steps;  // --steps: so many more at most
  FaultInjection fault;
};

// Collective. An error that all ranks have found together is returned by rank 0
// alone; the others return its exit code. A stop that was requested before
// takes effect after one step, so that every start gets on.
absl::StatusOr<ExitCode> RunTraining(const TrainingRunOptions& options,
                                     const StopRequest& stop,
                                     RankContext& context);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINING_RUN_H_
