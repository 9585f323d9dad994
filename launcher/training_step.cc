#include "launcher/training_step.h"

#include <array>
#include <cmath>
#include <utility>

#include "absl/types/span.h"
#include "launcher/config.h"
#include "launcher/fault_hooks.h"
#include "parallel/host_communicator.h"
#include "parallel/lr_schedule.h"
#include "parallel/replica_check.h"
#include "parallel/step_totals.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

int64_t CommunicationBytes(int64_t ranks) {
  return ranks > 1 ? HostCommunicator::WorkspaceBytes() : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingStep>> TrainingStep::Create(
    const RunConfig& config, RankContext& context,
    const DataParallelOptions& options) {
  COG_ASSIGN_OR_RETURN(
      std::unique_ptr<ModelRunner> runner,
      ModelRunner::Create(config, ParamStore::Use::kTraining, *context.device,
                          *context.streams.compute,
                          {.size = context.groups.replicas->size(),
                           .rank = context.groups.replicas->rank()}));
  COG_ASSIGN_OR_RETURN(Optimizer optimizer,
                       Optimizer::Create({.config = config.optimizer(),
                                          .params = runner->params(),
                                          .device = *context.device}));
  context.streams.replicas->Workspace(
      CommunicationBytes(context.groups.replicas->size()));
  return std::unique_ptr<TrainingStep>(new TrainingStep(
      config, context, options, std::move(runner), std::move(optimizer)));
}

TrainingStep::TrainingStep(const RunConfig& config, RankContext& context,
                           const DataParallelOptions& options,
                           std::unique_ptr<ModelRunner> runner,
                           Optimizer optimizer)
    : config_(config),
      context_(context),
      runner_(std::move(runner)),
      data_parallel_(runner_->params(), context, options),
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
  const auto reach = [&](FaultPoint point) {
    context_.fault.Reach(point, step, context_.rank());
  };
  reach(FaultPoint::kStep);
  const double start = MonotonicSeconds();
  Result result;
  result.lr = LearningRate(config_.lr_schedule(), config_.train_steps(), step);
  COG_RETURN_IF_ERROR(ForwardBackward(step, load));
  reach(FaultPoint::kCollective);
  data_parallel_.FinishGradients();
  ReduceLoss(stop, result);
  Update(result);
  context_.streams.compute->Synchronize();
  ReachUpdate(step);
  result.seconds = MonotonicSeconds() - start;
  result.hidden_communication = HiddenCommunication();
  return result;
}

void TrainingStep::ReachUpdate(int64_t step) {
  if (!context_.fault.rank().has_value()) return;
  data_parallel_.WaitForWeights();
  const std::vector<ReplicatedTensor> weights =
      ReplicatedWeights(runner_->params());
  if (weights.empty()) return;
  context_.fault.Reach(FaultPoint::kParameter, step, context_.rank(),
                       *context_.streams.compute, weights.front().weights);
}

absl::Status TrainingStep::ForwardBackward(int64_t step, LoadMicroBatch load) {
  const BatchConfig& batch = config_.batch();
  const int64_t count =
      batch.global_batch_size() /
      (context_.groups.data->size() * batch.micro_batch_size());
  const float gradient_scale =
      1.0f / static_cast<float>(TokensPerStep(config_));
  data_parallel_.BeginStep(static_cast<int>(count));
  for (int64_t i = 0; i < count; ++i) {
    COG_RETURN_IF_ERROR(load(i, batch_));
    FaultHooks with_fault(context_, runner_->params(), step, data_parallel_);
    runner_->Train(
        batch_, gradient_scale,
        i == count - 1 ? static_cast<UnitHooks&>(with_fault) : data_parallel_);
  }
  return absl::OkStatus();
}

void TrainingStep::ReduceLoss(bool stop, Result& result) {
  std::array<double, 2> sums = {runner_->TakeLossSum(), stop ? 1.0 : 0.0};
  context_.groups.replicas->AllReduceSumHost(absl::MakeSpan(sums));
  result.loss = sums[0] / static_cast<double>(TokensPerStep(config_));
  result.stop_requested = sums[1] > 0;
}

void TrainingStep::Update(Result& result) {
  Stream& stream = *context_.streams.compute;
  const Optimizer::Norm norm = optimizer_.LocalNorm(stream);
  const StepTotals totals =
      Total(*context_.groups.replicas,
            {.squares = norm.squares, .culprit = norm.culprit});
  UpdateResult& update = result.update;
  update.grad_norm = std::sqrt(totals.squares.Value());
  update.culprit = totals.culprit;
  update.skipped =
      !std::isfinite(result.loss) || !std::isfinite(update.grad_norm);
  if (update.skipped) return;
  optimizer_.Update(stream, {.lr = result.lr, .grad_norm = update.grad_norm});
  data_parallel_.WeightsUpdated();
}

std::optional<double> TrainingStep::HiddenCommunication() const {
  const DataParallel::Stats& stats = data_parallel_.stats();
  if (stats.total_seconds == 0) return std::nullopt;
  return 1 - stats.exposed_seconds / stats.total_seconds;
}

}  // namespace cogdist
