#include "launcher/training_step.h"

#include <cmath>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "launcher/config.h"
#include "launcher/fault_hooks.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/lr_schedule.h"
#include "parallel/meta_rank_context.h"
#include "parallel/replica_check.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/range.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

int64_t Sent(const std::unique_ptr<Communicator>& group) {
  return group == nullptr ? 0 : group->traffic().data_bytes;
}

// So that no step has to grow them.
void ReserveWorkspaces(const Streams& planned, const Streams& streams) {
  streams.compute->Workspace(planned.compute->workspace_bytes());
  streams.replicas->Workspace(planned.replicas->workspace_bytes());
  streams.tensor->Workspace(planned.tensor->workspace_bytes());
  streams.context->Workspace(planned.context->workspace_bytes());
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingStep>> TrainingStep::Create(
    const RunConfig& config, RankContext& context) {
  RankContext meta =
      MakeMetaRankContext(context.mesh, context.rank(), context.device->type());
  COG_ASSIGN_OR_RETURN(const StepPlan plan, PlanOn(meta, config));
  COG_ASSIGN_OR_RETURN(std::unique_ptr<TrainingStep> step,
                       Allocate(config, context));
  step->plan_ = plan;
  ReserveWorkspaces(meta.streams, context.streams);
  return step;
}

absl::StatusOr<std::unique_ptr<TrainingStep>> TrainingStep::Allocate(
    const RunConfig& config, RankContext& context) {
  COG_ASSIGN_OR_RETURN(
      std::unique_ptr<ModelRunner> runner,
      ModelRunner::Create(config, ParamStore::Use::kTraining, context));
  COG_ASSIGN_OR_RETURN(Optimizer optimizer,
                       Optimizer::Create({.config = config.optimizer(),
                                          .params = runner->params(),
                                          .device = *context.device}));
  COG_ASSIGN_OR_RETURN(
      HostBuffer marks,
      HostBuffer::Allocate(*context.device, StepGraph::kMarksBytes));
  return std::unique_ptr<TrainingStep>(
      new TrainingStep(config, context, std::move(runner), std::move(optimizer),
                       std::move(marks)));
}

TrainingStep::TrainingStep(const RunConfig& config, RankContext& context,
                           std::unique_ptr<ModelRunner> runner,
                           Optimizer optimizer, HostBuffer marks)
    : config_(config),
      context_(context),
      runner_(std::move(runner)),
      data_parallel_(runner_->params(), context),
      optimizer_(std::move(optimizer)),
      graph_(
          {.wanted = config.cuda_graph(),
           .timeout_seconds = config.resilience().collective_timeout_seconds(),
           .context = context,
           .pipeline = runner_->pipeline(),
           .data_parallel = data_parallel_,
           .marks = std::move(marks)}) {}

absl::StatusOr<StepPlan> TrainingStep::Plan(const RunConfig& config,
                                            const Mesh& mesh, int rank,
                                            DeviceType device) {
  RankContext meta = MakeMetaRankContext(mesh, rank, device);
  return PlanOn(meta, config);
}

absl::StatusOr<StepPlan> TrainingStep::PlanOn(RankContext& meta,
                                              const RunConfig& config) {
  const RankTag tag = CurrentRankTag();
  const absl::Cleanup restore = [tag] { CurrentRankTag() = tag; };
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<TrainingStep> step,
                       Allocate(config, meta));
  const auto no_load = [](int64_t, Batch&) { return absl::OkStatus(); };
  COG_RETURN_IF_ERROR(step->Run(1, no_load).status());
  StepPlan plan = step->Measure();
  if (config.data().validation_size() > 0) {
    COG_RETURN_IF_ERROR(step->Evaluate(no_load));
    plan.memory = step->Measure().memory;
  }
  return plan;
}

StepPlan TrainingStep::Measure() const {
  const ParamStore::Bytes bytes = runner_->params().bytes();
  const Streams& streams = context_.streams;
  StepPlan plan;
  MemoryPlan& memory = plan.memory;
  memory.weights = bytes.weights;
  memory.gradients = bytes.gradients;
  memory.optimizer = bytes.optimizer;
  memory.activations =
      runner_->activation_plan().total() + runner_->pipeline().buffer_bytes();
  memory.buffers = context_.device->memory().peak_bytes - memory.device();
  memory.workspace = streams.compute->workspace_bytes();
  memory.communication = streams.replicas->workspace_bytes() +
                         streams.tensor->workspace_bytes() +
                         streams.context->workspace_bytes() +
                         runner_->pipeline().workspace_bytes();
  memory.checkpoint =
      MostBytesToWrite(runner_->params(), context_.groups.replicas->size());
  plan.communication = {.tensor = Sent(context_.groups.tensor),
                        .context = Sent(context_.groups.context),
                        .pipeline = runner_->pipeline().traffic().data_bytes,
                        .data = Sent(context_.groups.replicas),
                        .shared = Sent(runner_->groups().kv_copies) +
                                  Sent(runner_->groups().tied)};
  return plan;
}

absl::StatusOr<TrainingStep::Result> TrainingStep::Run(
    int64_t step, LoadMicroBatch load, absl::string_view stop_reason) {
  CurrentRankTag().step = step;
  const double start = MonotonicSeconds();
  Result result;
  result.lr = LearningRate(config_.lr_schedule(), config_.train_steps(), step);
  context_.fault.Reach(FaultPoint::kStep, step, context_.rank());
  const absl::Status loaded = runner_->Load(load);
  data_parallel_.BeginStep(runner_->micro_batches());
  COG_RETURN_IF_ERROR(graph_.Run([&] { EnqueuePasses(step); }));
  COG_RETURN_IF_ERROR(loaded);  // not before: nothing may be under way
  context_.streams.compute->Synchronize();
  const StepTotals mine = LocalTotals(stop_reason);
  const double loss_known = MonotonicSeconds();
  Update(Total(*context_.groups.world, mine), result);
  ReachUpdate(step);
  CountSeconds(start, loss_known, result);
  result.hidden_communication = HiddenCommunication();
  return result;
}

void TrainingStep::EnqueuePasses(int64_t step) {
  FaultHooks hooks(context_, runner_->params(), step, data_parallel_);
  runner_->Train(GradientScale(), hooks);
  context_.fault.Reach(FaultPoint::kCollective, step, context_.rank());
  FinishGradients();
  optimizer_.ReadNorm(*context_.streams.compute);
  runner_->ReadLoss();
}

absl::Status TrainingStep::Evaluate(LoadMicroBatch load) {
  const absl::Status loaded = runner_->Load(load);
  data_parallel_.BeginEvaluation();
  runner_->Evaluate(data_parallel_);
  return loaded;
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

void TrainingStep::FinishGradients() {
  const Range range(*context_.device, "gradient sync");
  data_parallel_.FinishGradients();
}

float TrainingStep::GradientScale() const {
  return 1.0f / static_cast<float>(TokensPerStep(config_));
}

StepTotals TrainingStep::LocalTotals(absl::string_view stop_reason) {
  Optimizer::Norm norm = optimizer_.LocalNorm();
  return {.loss = runner_->TakeLoss().sum,
          .squares = norm.squares,
          .culprit = std::move(norm.culprit),
          .stop_reason = std::string(stop_reason)};
}

void TrainingStep::Update(const StepTotals& totals, Result& result) {
  result.loss =
      totals.loss.Value() / static_cast<double>(TokensPerStep(config_));
  result.grad_norm = std::sqrt(totals.squares.Value());
  result.stop_reason = totals.stop_reason;
  result.skipped =
      !std::isfinite(result.loss) || !std::isfinite(result.grad_norm);
  if (result.skipped) {
    result.culprit = totals.culprit;
    return;
  }
  const Range range(*context_.device, "optimizer");
  optimizer_.Update(*context_.streams.compute,
                    {.lr = result.lr, .grad_norm = result.grad_norm});
  data_parallel_.WeightsUpdated();
}

void TrainingStep::CountSeconds(double start, double loss_known,
                                Result& result) {
  Stream& compute = *context_.streams.compute;
  if (compute.runs_in_caller()) compute.Synchronize();
  const double end = MonotonicSeconds();
  result.seconds = compute.runs_in_caller()
                       ? end - start
                       : seconds_after_loss_ + loss_known - start;
  seconds_after_loss_ = end - loss_known;
}

std::optional<double> TrainingStep::HiddenCommunication() const {
  const DataParallel::Stats& stats = data_parallel_.stats();
  if (stats.bytes == 0 || stats.total_seconds == 0) return std::nullopt;
  return 1 - stats.exposed_seconds / stats.total_seconds;
}

}  // namespace cogdist
