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
#include "launcher/checkpointing.h"
#include "launcher/evaluator.h"
#include "launcher/run_reporter.h"
#include "launcher/stop_request.h"
#include "launcher/training_step.h"
#include "parallel/rank_context.h"
#include "proto/checkpoint.pb.h"
#include "proto/run_config.pb.h"
#include "runtime/data/batch_loader.h"

namespace cogdist {

class Trainer {
 public:
  // Opens the data and allocates the model, whose weights are still to be
  // filled in. `config` (resolved and valid) and `context` outlive the trainer.
  // Not collective: an error concerns this rank alone.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const RunConfig& config, RankContext& context);

  // For a fresh start: initial weights. Collective.
  absl::Status InitializeWeights();
  // Else, once the parameters have been filled in from a checkpoint.
  void GoOnFrom(const CheckpointTrainState& state);

  // How Run() ended.
  enum class End {
    kTrained,         // all steps are done
    kStopped,         // for stop_reason()
    kGaveUp,          // too many steps in a row were skipped
    kReplicasDiffer,  // see differences()
    kTakenOver,       // another attempt owns the run
  };

  struct RunArgs {
    const StopRequest& stop;
    int64_t last_step = 0;
    Checkpointing& checkpointing;
    RunReporter* reporter = nullptr;  // rank 0's, else null
  };
  // Trains on until step `last_step` is done, or what else ends the run. The
  // checkpoint of the end is the caller's. Collective; an error leaves the
  // other ranks waiting.
  absl::StatusOr<End> Run(const RunArgs& args);

  // "SIGTERM to rank 3", "the time limit of 60 s", after kStopped.
  const std::string& stop_reason() const { return stop_reason_; }
  // Which weights differ on which ranks, after kReplicasDiffer.
  const std::string& differences() const { return differences_; }
  // Writes what weights and gradients of this rank look like to `path`.
  absl::Status WriteDiagnostics(absl::string_view path);

  // Writes the weights in the safetensors format. Collective.
  absl::Status SaveWeights(absl::string_view path);

  // What has been done so far.
  const CheckpointTrainState& state() const { return state_; }
  ParamStore& params() { return step_->runner().params(); }
  const StepPlan& plan() const { return step_->plan(); }
  int64_t samples_per_epoch() const { return loader_.num_samples(); }

 private:
  Trainer(const RunConfig& config, RankContext& context, BatchLoader loader,
          std::unique_ptr<TrainingStep> step);

  // The next step. How the run ends with it, none if it goes on.
  absl::StatusOr<std::optional<End>> Step(const RunArgs& args);
  // Why this rank wants to stop; empty if it does not.
  std::string WishToStop(const RunArgs& args) const;
  void Count(const TrainingStep::Result& result);
  // The same on every rank.
  std::optional<End> EndAfter(const TrainingStep::Result& result,
                              int64_t last_step) const;
  void Report(const TrainingStep::Result& result, bool last,
              RunReporter* reporter);
  // Every resilience.replica_check_every_steps: whether all is well.
  bool ReplicasAgree();
  // Every evaluation.every_steps, and where training ends by itself.
  absl::Status EvaluateIfDue(std::optional<End> end, RunReporter* reporter);
  // Once, after the first step, so that it delays no start.
  absl::Status MeasurePeakFlops(RunReporter* reporter);

  const RunConfig& config_;
  RankContext& context_;
  BatchLoader loader_;
  std::unique_ptr<TrainingStep> step_;
  std::optional<Evaluator> evaluator_;
  CheckpointTrainState state_;
  std::string stop_reason_;
  std::string differences_;
  bool peak_measured_ = false;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINER_H_
