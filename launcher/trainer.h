// The training loop: the table of contents of the program. Each call in Step()
// leads to the file that does that part.

#ifndef COGDIST_LAUNCHER_TRAINER_H_
#define COGDIST_LAUNCHER_TRAINER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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
  enum class End { kTrained, kStopped, kGaveUp, kReplicasDiffer };

  // Trains up to step `last_step`, or until a stop is requested on any rank, or
  // too many steps in a row are skipped, or replicas are found to differ.
  // `reporter`: rank 0's, else null.
  // Collective; an error leaves the other ranks waiting.
  absl::StatusOr<End> Run(const StopRequest& stop, int64_t last_step,
                          RunReporter* reporter);

  // Which weights differ on which ranks, after kReplicasDiffer.
  const std::string& differences() const { return differences_; }
  // Writes what weights and gradients of this rank look like to `path`.
  absl::Status WriteDiagnostics(absl::string_view path);

  // Writes the weights in the safetensors format. Collective.
  absl::Status SaveWeights(absl::string_view path);

  const StepPlan& plan() const { return step_->plan(); }
  int64_t samples_per_epoch() const { return loader_.num_samples(); }

 private:
  Trainer(const RunConfig& config, RankContext& context, BatchLoader loader,
          std::unique_ptr<TrainingStep> step);

  // How the run ends with this step, none if it goes on. `last`: it is the one
  // to train up to.
  absl::StatusOr<std::optional<End>> Step(int64_t step, bool last,
                                          const StopRequest& stop,
                                          RunReporter* reporter);
  // The same on every rank.
  std::optional<End> EndAfter(const TrainingStep::Result& result,
                              bool last) const;
  absl::Status Report(int64_t step, bool last,
                      const TrainingStep::Result& result,
                      RunReporter* reporter);
  // Every resilience.replica_check_every_steps: whether all is well.
  bool ReplicasAgree(int64_t step);
  // Every evaluation.every_steps, and where training ends by itself.
  absl::Status EvaluateIfDue(int64_t step, std::optional<End> end,
                             RunReporter* reporter);
  // Once, after the first step, so that it delays no start.
  absl::Status MeasurePeakFlops(RunReporter* reporter);

  const RunConfig& config_;
  RankContext& context_;
  BatchLoader loader_;
  std::unique_ptr<TrainingStep> step_;
  std::optional<Evaluator> evaluator_;
  int64_t step_number_ = 0;  // the latest
  int64_t consecutive_skips_ = 0;
  std::string differences_;
  bool peak_measured_ = false;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINER_H_
