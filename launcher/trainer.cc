#include "launcher/trainer.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kernels/matmul_peak.h"
#include "models/init.h"
#include "models/precision.h"
#include "parallel/lr_schedule.h"
#include "parallel/weights.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status InitializeWeights(const RunConfig& config, ModelRunner& runner,
                               Stream& stream) {
  if (config.has_init_from()) {
    return LoadWeights(config.init_from(), runner.params(), stream);
  }
  InitializeParameters(runner.params(), stream, config.seed());
  return absl::OkStatus();
}

// Targets of one update over all ranks.
int64_t TokensPerStep(const RunConfig& config) {
  return config.batch().global_batch_size() * config.data().seq_len();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const RunConfig& config, RankContext& context) {
  COG_ASSIGN_OR_RETURN(BatchLoader loader,
                       BatchLoader::Open(SourcesOf(config.data().train()),
                                         BatchSpecOf(config, context)));
  COG_ASSIGN_OR_RETURN(std::unique_ptr<ModelRunner> runner,
                       ModelRunner::Create(config, ParamStore::Use::kTraining,
                                           *context.device, *context.compute));
  COG_RETURN_IF_ERROR(InitializeWeights(config, *runner, *context.compute));
  COG_ASSIGN_OR_RETURN(
      Optimizer optimizer,
      Optimizer::Create(config.optimizer(), runner->params(), *context.device));
  auto trainer = std::unique_ptr<Trainer>(
      new Trainer(config, context, std::move(loader), std::move(runner),
                  std::move(optimizer)));
  if (config.data().validation_size() > 0) {
    COG_ASSIGN_OR_RETURN(
        trainer->evaluator_,
        Evaluator::Open(config, SourcesOf(config.data().validation()),
                        context));
  }
  return trainer;
}

Trainer::Trainer(const RunConfig& config, RankContext& context,
                 BatchLoader loader, std::unique_ptr<ModelRunner> runner,
                 Optimizer optimizer)
    : config_(config),
      context_(context),
      loader_(std::move(loader)),
      runner_(std::move(runner)),
      grad_sync_({.params = runner_->params(),
                  .replicas = *context.groups.replicas,
                  .compute = *context.compute,
                  .communication = *context.communication}),
      optimizer_(std::move(optimizer)) {}

absl::StatusOr<Trainer::End> Trainer::Run(const StopRequest& stop,
                                          int64_t last_step,
                                          RunReporter* reporter) {
  for (int64_t step = 1; step <= last_step; ++step) {
    COG_ASSIGN_OR_RETURN(const StepResult result, Step(step, stop));
    COG_RETURN_IF_ERROR(Conclude(result, reporter));
    if (consecutive_skips_ >= config_.resilience().max_consecutive_skips()) {
      return End::kGaveUp;
    }
    if (result.stop_requested && step < last_step) return End::kStopped;
  }
  return End::kTrained;
}

absl::StatusOr<Trainer::StepResult> Trainer::Step(int64_t step,
                                                  const StopRequest& stop) {
  CurrentRankTag().step = step;
  const absl::Time start = absl::Now();
  StepResult result;
  result.report = {
      .step = step,
      .lr = LearningRate(config_.lr_schedule(), config_.train_steps(), step)};
  COG_RETURN_IF_ERROR(ForwardBackward(step));
  grad_sync_.Finish();
  ReduceLoss(stop, result);
  const Optimizer::Result update =
      optimizer_.Step(*context_.compute, result.report.lr, result.report.loss);
  context_.compute->Synchronize();
  result.report.grad_norm = update.grad_norm;
  result.report.skipped = update.skipped;
  result.culprit = update.culprit;
  result.report.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return result;
}

absl::Status Trainer::ForwardBackward(int64_t step) {
  runner_->params().ZeroGradients(*context_.compute);
  const float gradient_scale = 1.0f / TokensPerStep(config_);
  const int64_t last = loader_.micro_batches_per_step() - 1;
  for (int64_t micro = 0; micro <= last; ++micro) {
    COG_RETURN_IF_ERROR(loader_.Load(step, micro, batch_));
    runner_->Train(batch_, gradient_scale, [&](ParamStore::UnitId unit) {
      if (micro == last) grad_sync_.UnitReady(unit);
    });
  }
  return absl::OkStatus();
}

void Trainer::ReduceLoss(const StopRequest& stop, StepResult& result) {
  std::array<double, 2> sums = {runner_->TakeLossSum(),
                                stop.requested() ? 1.0 : 0.0};
  context_.groups.data->AllReduceSumHost(absl::MakeSpan(sums));
  result.report.loss = sums[0] / TokensPerStep(config_);
  result.stop_requested = sums[1] > 0;
}

absl::Status Trainer::Conclude(const StepResult& result,
                               RunReporter* reporter) {
  consecutive_skips_ = result.report.skipped ? consecutive_skips_ + 1 : 0;
  if (!peak_measured_) COG_RETURN_IF_ERROR(MeasurePeakFlops(reporter));
  if (reporter != nullptr) {
    StepReport report = result.report;
    report.hidden_communication = HiddenCommunication();
    report.peak_memory_bytes = context_.device->memory().peak_bytes;
    COG_RETURN_IF_ERROR(reporter->Step(report));
    if (report.skipped) {
      reporter->Print(absl::StrCat(
          "step ", report.step, " was skipped: loss or gradient norm is not ",
          "finite", result.culprit.empty() ? "" : "; first in ",
          result.culprit));
    }
  }
  return EvaluateIfDue(result.report.step, reporter);
}

absl::Status Trainer::EvaluateIfDue(int64_t step, RunReporter* reporter) {
  const int64_t every = config_.evaluation().every_steps();
  if (!evaluator_.has_value() || every == 0) return absl::OkStatus();
  if (step % every != 0 && step != config_.train_steps()) {
    return absl::OkStatus();
  }
  COG_ASSIGN_OR_RETURN(
      const EvaluationResult result,
      evaluator_->Run(*runner_, context_, config_.evaluation().batches()));
  if (reporter == nullptr) return absl::OkStatus();
  return reporter->Evaluation(step, result);
}

absl::Status Trainer::MeasurePeakFlops(RunReporter* reporter) {
  peak_measured_ = true;
  double flops = config_.peak_tflops() * 1e12;
  if (flops == 0) {
    COG_ASSIGN_OR_RETURN(flops,
                         MeasureGemmFlops(*context_.compute,
                                          ActivationType(config_.precision())));
  }
  context_.groups.world->AllReduceSumHost(absl::MakeSpan(&flops, 1));
  if (reporter != nullptr) reporter->set_peak_flops(flops);
  return absl::OkStatus();
}

std::optional<double> Trainer::HiddenCommunication() const {
  const GradSync::Stats& stats = grad_sync_.stats();
  if (stats.total_seconds == 0) return std::nullopt;
  return 1 - stats.exposed_seconds / stats.total_seconds;
}

absl::Status Trainer::SaveWeights(absl::string_view path) {
  return cogdist::SaveWeights(runner_->params(), *context_.compute, path);
}

}  // namespace cogdist
