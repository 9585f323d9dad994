// The training loop: the table of contents of the program. Each call in Step()
// leads to the file that does that part.

#ifndef COGDIST_LAUNCHER_TRAINER_H_
#define COGDIST_LAUNCHER_TRAINER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/evaluator.h"
#include "launcher/run_reporter.h"
#include "launcher/stop_request.h"
#include "launcher/training_step.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/data/batch_loader.h"

namespace cogdist {

class Trainer {
 public:
  // Opens the data, allocates the model and fills in its initial weights.
  // `config` (resolved and valid) and `context` outlive the trainer. Not
  // collective: an error concerns this rank alone.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const RunConfig& config, RankContext& context);

  // How Run() ended.
  enum class End { kTrained, kStopped, kGaveUp };

  // Trains up to step `last_step`, or until a stop is requested on any rank, or
  // too many steps in a row are skipped. `reporter`: rank 0's, else null.
  // Collective.
  absl::StatusOr<End> Run(const StopRequest& stop, int64_t last_step,
                          RunReporter* reporter);

  // Writes the weights in the safetensors format.
  absl::Status SaveWeights(absl::string_view path);

  MemoryPlan memory_plan() const { return step_->plan(); }
  int64_t samples_per_epoch() const { return loader_.num_samples(); }

 private:
  Trainer(const RunConfig& config, RankContext& context, BatchLoader loader,
          std::unique_ptr<TrainingStep> step);

  absl::StatusOr<TrainingStep::Result> Step(int64_t step,
                                            const StopRequest& stop,
                                            RunReporter* reporter);
  absl::Status Report(int64_t step, const TrainingStep::Result& result,
                      RunReporter* reporter);
  absl::Status EvaluateIfDue(int64_t step, RunReporter* reporter);
  absl::Status MeasurePeakFlops(RunReporter* reporter);

  const RunConfig& config_;
  RankContext& context_;
  BatchLoader loader_;
  std::unique_ptr<TrainingStep> step_;
  std::optional<Evaluator> evaluator_;
  int64_t consecutive_skips_ = 0;
  bool peak_measured_ = false;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINER_H_
