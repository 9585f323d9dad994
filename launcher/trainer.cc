#include "launcher/trainer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/peak_flops.h"
#include "models/init.h"
#include "parallel/lr_schedule.h"
#include "parallel/weights.h"
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

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const RunConfig& config, RankContext& context) {
  COG_ASSIGN_OR_RETURN(BatchLoader loader,
                       BatchLoader::Open(SourcesOf(config.data().train()),
                                         BatchSpecOf(config, context)));
  COG_ASSIGN_OR_RETURN(std::unique_ptr<TrainingStep> step,
                       TrainingStep::Create(config, context));
  COG_RETURN_IF_ERROR(
      InitializeWeights(config, step->runner(), *context.compute));
  auto trainer = std::unique_ptr<Trainer>(
      new Trainer(config, context, std::move(loader), std::move(step)));
  if (config.data().validation_size() > 0) {
    COG_ASSIGN_OR_RETURN(
        trainer->evaluator_,
        Evaluator::Open(config, SourcesOf(config.data().validation()),
                        context));
  }
  return trainer;
}

Trainer::Trainer(const RunConfig& config, RankContext& context,
                 BatchLoader loader, std::unique_ptr<TrainingStep> step)
    : config_(config),
      context_(context),
      loader_(std::move(loader)),
      step_(std::move(step)) {}

absl::StatusOr<Trainer::End> Trainer::Run(const StopRequest& stop,
                                          int64_t last_step,
                                          RunReporter* reporter) {
  for (int64_t step = 1; step <= last_step; ++step) {
    COG_ASSIGN_OR_RETURN(const TrainingStep::Result result,
                         Step(step, stop, reporter));
    if (consecutive_skips_ >= config_.resilience().max_consecutive_skips()) {
      return End::kGaveUp;
    }
    if (result.stop_requested && step < last_step) return End::kStopped;
  }
  return End::kTrained;
}

absl::StatusOr<TrainingStep::Result> Trainer::Step(int64_t step,
                                                   const StopRequest& stop,
                                                   RunReporter* reporter) {
  const auto load = [&](int64_t micro_batch, Batch& batch) {
    return loader_.Load(step, micro_batch, batch);
  };
  COG_ASSIGN_OR_RETURN(const TrainingStep::Result result,
                       step_->Run(step, load, stop.requested()));
  consecutive_skips_ = result.update.skipped ? consecutive_skips_ + 1 : 0;
  COG_RETURN_IF_ERROR(MeasurePeakFlops(reporter));
  COG_RETURN_IF_ERROR(Report(step, result, reporter));
  COG_RETURN_IF_ERROR(EvaluateIfDue(step, reporter));
  return result;
}

absl::Status Trainer::Report(int64_t step, const TrainingStep::Result& result,
                             RunReporter* reporter) {
  if (reporter == nullptr) return absl::OkStatus();
  const Optimizer::Result& update = result.update;
  if (update.skipped) {
    reporter->Print(absl::StrCat(
        "step ", step, " was skipped: loss or gradient norm is not finite",
        update.culprit.empty() ? "" : "; first in ", update.culprit));
  }
  return reporter->Step(
      {.step = step,
       .seconds = result.seconds,
       .loss = result.loss,
       .grad_norm = update.grad_norm,
       .lr = LearningRate(config_.lr_schedule(), config_.train_steps(), step),
       .skipped = update.skipped,
       .hidden_communication = result.hidden_communication,
       .peak_memory_bytes = context_.device->memory().peak_bytes});
}

absl::Status Trainer::EvaluateIfDue(int64_t step, RunReporter* reporter) {
  const int64_t every = config_.evaluation().every_steps();
  if (!evaluator_.has_value() || every == 0) return absl::OkStatus();
  if (step % every != 0 && step != config_.train_steps()) {
    return absl::OkStatus();
  }
  COG_ASSIGN_OR_RETURN(const EvaluationResult result,
                       evaluator_->Run(step_->runner(), context_,
                                       config_.evaluation().batches()));
  if (reporter == nullptr) return absl::OkStatus();
  return reporter->Evaluation(step, result);
}

absl::Status Trainer::MeasurePeakFlops(RunReporter* reporter) {
  if (peak_measured_) return absl::OkStatus();
  peak_measured_ = true;
  COG_ASSIGN_OR_RETURN(const double flops, PeakFlops(config_, context_));
  if (reporter != nullptr) reporter->set_peak_flops(flops);
  return absl::OkStatus();
}

absl::Status Trainer::SaveWeights(absl::string_view path) {
  return cogdist::SaveWeights(step_->runner().params(), *context_.compute,
                              path);
}

}  // namespace cogdist
