#include "launcher/training_step.h"

#include <array>
#include <utility>

#include "absl/types/span.h"
#include "launcher/config.h"
#include "parallel/host_communicator.h"
#include "parallel/lr_schedule.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Starts a unit's reduction when the last micro-batch has added to it.
class ReduceWhenReady : public UnitHooks {
 public:
  ReduceWhenReady(GradSync& grad_sync, bool last_micro_batch)
      : grad_sync_(grad_sync), last_micro_batch_(last_micro_batch) {}
  void End(ParamStore::UnitId unit, Pass pass) override {
    if (last_micro_batch_ && pass == Pass::kBackward) {
      grad_sync_.UnitReady(unit);
    }
  }

 private:
  GradSync& grad_sync_;
  bool last_micro_batch_;
};

int64_t CommunicationBytes(int64_t ranks) {
  return ranks > 1 ? HostCommunicator::WorkspaceBytes() : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingStep>> TrainingStep::Create(
    const RunConfig& config, RankContext& context,
    const GradSyncOptions& grad_sync) {
  COG_ASSIGN_OR_RETURN(
      std::unique_ptr<ModelRunner> runner,
      ModelRunner::Create(config, ParamStore::Use::kTraining, *context.device,
                          *context.streams.compute));
  COG_ASSIGN_OR_RETURN(
      Optimizer optimizer,
      Optimizer::Create(config.optimizer(), runner->params(), *context.device));
  context.streams.replicas->Workspace(
      CommunicationBytes(context.groups.replicas->size()));
  return std::unique_ptr<TrainingStep>(new TrainingStep(
      config, context, grad_sync, std::move(runner), std::move(optimizer)));
}

TrainingStep::TrainingStep(const RunConfig& config, RankContext& context,
                           const GradSyncOptions& grad_sync,
                           std::unique_ptr<ModelRunner> runner,
                           Optimizer optimizer)
    : config_(config),
      context_(context),
      runner_(std::move(runner)),
      grad_sync_({.params = runner_->params(),
                  .replicas = *context.groups.replicas,
                  .compute = *context.streams.compute,
                  .communication = *context.streams.replicas},
                 grad_sync),
      optimizer_(std::move(optimizer)) {}

absl::StatusOr<MemoryPlan> TrainingStep::Plan(const RunConfig& config,
                                              int64_t data_parallel) {
  COG_ASSIGN_OR_RETURN(MemoryPlan plan,
                       ModelRunner::Plan(config, ParamStore::Use::kTraining));
  plan.communication = CommunicationBytes(data_parallel);
  return plan;
}

MemoryPlan TrainingStep::plan() const {
  MemoryPlan plan = runner_->plan();
  plan.communication = CommunicationBytes(context_.groups.replicas->size());
  return plan;
}

absl::StatusOr<TrainingStep::Result> TrainingStep::Run(int64_t step,
                                                       LoadMicroBatch load,
                                                       bool stop) {
  CurrentRankTag().step = step;
  const double start = MonotonicSeconds();
  Result result;
  result.lr = LearningRate(config_.lr_schedule(), config_.train_steps(), step);
  COG_RETURN_IF_ERROR(ForwardBackward(load));
  grad_sync_.Finish();
  ReduceLoss(stop, result);
  result.update =
      optimizer_.Step(*context_.streams.compute, result.lr, result.loss);
  context_.streams.compute->Synchronize();
  result.seconds = MonotonicSeconds() - start;
  result.hidden_communication = HiddenCommunication();
  return result;
}

absl::Status TrainingStep::ForwardBackward(LoadMicroBatch load) {
  const BatchConfig& batch = config_.batch();
  const int64_t count =
      batch.global_batch_size() /
      (context_.groups.data->size() * batch.micro_batch_size());
  const float gradient_scale =
      1.0f / static_cast<float>(TokensPerStep(config_));
  runner_->params().ZeroGradients(*context_.streams.compute);
  for (int64_t i = 0; i < count; ++i) {
    COG_RETURN_IF_ERROR(load(i, batch_));
    ReduceWhenReady hooks(grad_sync_, /*last_micro_batch=*/i == count - 1);
    runner_->Train(batch_, gradient_scale, hooks);
  }
  return absl::OkStatus();
}

void TrainingStep::ReduceLoss(bool stop, Result& result) {
  std::array<double, 2> sums = {runner_->TakeLossSum(), stop ? 1.0 : 0.0};
  context_.groups.replicas->AllReduceSumHost(absl::MakeSpan(sums));
  result.loss = sums[0] / static_cast<double>(TokensPerStep(config_));
  result.stop_requested = sums[1] > 0;
}

std::optional<double> TrainingStep::HiddenCommunication() const {
  const GradSync::Stats& stats = grad_sync_.stats();
  if (stats.total_seconds == 0) return std::nullopt;
  return 1 - stats.exposed_seconds / stats.total_seconds;
}

}  // namespace cogdist
