// One update of the model: forward and backward over all micro-batches, the
// reduction of loss and gradients over ranks, the optimizer.

#ifndef COGDIST_LAUNCHER_TRAINING_STEP_H_
#define COGDIST_LAUNCHER_TRAINING_STEP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/model_runner.h"
#include "parallel/data_parallel.h"
#include "parallel/optimizer.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/data/batch_loader.h"

namespace cogdist {

class TrainingStep {
 public:
  // Fills in micro-batch `index` (from 0) of this rank's share of the step.
  using LoadMicroBatch =
      absl::FunctionRef<absl::Status(int64_t index, Batch& batch)>;

  struct UpdateResult {
    // Global L2 norm of the gradients, before clipping.
    double grad_norm = 0;
    // Loss or norm was not finite, and nothing has changed.
    bool skipped = false;
    // Where skipped: the first tensor whose gradient is not finite, if any.
    std::string culprit;
  };

  struct Result {
    double loss = 0;  // mean over the global batch's targets
    double lr = 0;    // learning rate of the update
    UpdateResult update;
    bool stop_requested = false;  // on any rank
    double seconds = 0;           // wall time on this rank
    // Share of the gradient reduction that the backward pass hid; none where
    // there is nothing to reduce.
    std::optional<double> hidden_communication;
  };

  // Allocates the model; its weights are zero. `config` (resolved and valid)
  // and `context` outlive it.
  static absl::StatusOr<std::unique_ptr<TrainingStep>> Create(
      const RunConfig& config, RankContext& context,
      const DataParallelOptions& options = {});

  // What one of `data_parallel` ranks would allocate.
  static absl::StatusOr<MemoryPlan> Plan(const RunConfig& config,
                                         int64_t data_parallel);
  // What this rank has allocated.
  MemoryPlan plan() const;

  // Update number `step`, from 1. `stop`: this rank's request to stop, which
  // travels with the loss. Collective; blocks until the update is done.
  absl::StatusOr<Result> Run(int64_t step, LoadMicroBatch load, bool stop);

  ModelRunner& runner() { return *runner_; }
  // For readers of weights that are not passes.
  void WaitForWeights() { data_parallel_.WaitForWeights(); }

 private:
  TrainingStep(const RunConfig& config, RankContext& context,
               const DataParallelOptions& options,
               std::unique_ptr<ModelRunner> runner, Optimizer optimizer);

  // The gradient reduction starts on the way.
  absl::Status ForwardBackward(int64_t step, LoadMicroBatch load);
  void ReachUpdate(int64_t step);  // where a fault may be injected
  // Sums the loss over ranks, and with it the requests to stop.
  void ReduceLoss(bool stop, Result& result);
  // Changes the parameters, unless loss or gradients are not finite.
  void Update(Result& result);
  std::optional<double> HiddenCommunication() const;

  const RunConfig& config_;
  RankContext& context_;
  std::unique_ptr<ModelRunner> runner_;
  DataParallel data_parallel_;
  Optimizer optimizer_;
  Batch batch_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINING_STEP_H_
