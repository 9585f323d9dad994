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
#include "absl/strings/string_view.h"
#include "launcher/memory_plan.h"
#include "launcher/model_runner.h"
#include "launcher/step_graph.h"
#include "parallel/data_parallel.h"
#include "parallel/optimizer.h"
#include "parallel/rank_context.h"
#include "parallel/step_totals.h"
#include "proto/run_config.pb.h"
#include "runtime/data/batch_loader.h"

namespace cogdist {

class TrainingStep {
 public:
  // Fills in micro-batch `index` (from 0) of this rank's share of the step.
  using LoadMicroBatch =
      absl::FunctionRef<absl::Status(int64_t index, Batch& batch)>;

  struct Result {
    double loss = 0;       // mean over the global batch's targets
    double grad_norm = 0;  // L2 norm of all gradients, before clipping
    double lr = 0;         // learning rate of the update
    // Loss or norm was not finite, and no parameter has changed.
    bool skipped = false;
    // Where skipped: a tensor whose gradient is not finite, if any.
    std::string culprit;
    std::string stop_reason;  // of the first rank that gave one
    // Wall time on this rank. On a device that works by itself it is that
    // within Run() from one step's loss to the next, so that the update counts
    // with the step after it.
    double seconds = 0;
    // Share of the time of the replicas' traffic in which this rank computed;
    // none where there is nothing to send, and on a device that works by
    // itself: finding out would make it wait.
    std::optional<double> hidden_communication;
  };

  // Allocates the model; its weights are zero. `config` (resolved and valid)
  // and `context` outlive it.
  static absl::StatusOr<std::unique_ptr<TrainingStep>> Create(
      const RunConfig& config, RankContext& context);

  // What rank `rank` of `mesh` would allocate and send on a `device`: found by
  // running a step of it on a meta device.
  static absl::StatusOr<StepPlan> Plan(const RunConfig& config,
                                       const Mesh& mesh, int rank,
                                       DeviceType device = DeviceType::kCpu);
  // Likewise for this rank.
  const StepPlan& plan() const { return plan_; }

  // Update number `step`, from 1. `stop_reason`: why this rank wants the run to
  // stop, empty if it does not; it travels with the loss. Collective. The host
  // waits once, for loss and norm; the update is enqueued on the compute
  // stream.
  absl::StatusOr<Result> Run(int64_t step, LoadMicroBatch load,
                             absl::string_view stop_reason = "");

  // Forward passes alone; the runner has the loss. Collective.
  absl::Status Evaluate(LoadMicroBatch load);

  ModelRunner& runner() { return *runner_; }
  DataParallel& data_parallel() { return data_parallel_; }
  Optimizer& optimizer() { return optimizer_; }
  // For readers of weights that are not passes.
  void WaitForWeights() { data_parallel_.WaitForWeights(); }

 private:
  TrainingStep(const RunConfig& config, RankContext& context,
               std::unique_ptr<ModelRunner> runner, Optimizer optimizer,
               HostBuffer marks);

  // All but the plan.
  static absl::StatusOr<std::unique_ptr<TrainingStep>> Allocate(
      const RunConfig& config, RankContext& context);
  // By running a step.
  static absl::StatusOr<StepPlan> PlanOn(RankContext& meta,
                                         const RunConfig& config);
  // Of the rank that has run one step on a meta device.
  StepPlan Measure() const;

  // From the tokens that were loaded to gradients, loss and norm.
  void EnqueuePasses(int64_t step);
  void FinishGradients();
  // Of every target's cross-entropy in the loss.
  float GradientScale() const;
  // Waits for the passes.
  StepTotals LocalTotals(absl::string_view stop_reason);
  // With all ranks' totals, unless these are not finite.
  void Update(const StepTotals& totals, Result& result);
  void ReachUpdate(int64_t step);  // where a fault may be injected
  // Run() began at `start`, and the loss was known at `loss_known`.
  void CountSeconds(double start, double loss_known, Result& result);
  std::optional<double> HiddenCommunication() const;

  const RunConfig& config_;
  RankContext& context_;
  std::unique_ptr<ModelRunner> runner_;
  DataParallel data_parallel_;
  Optimizer optimizer_;
  StepGraph graph_;
  StepPlan plan_;
  double seconds_after_loss_ = 0;  // of the last Run()
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TRAINING_STEP_H_
