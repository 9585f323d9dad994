#include "launcher/trainer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/diagnostics.h"
#include "launcher/peak_flops.h"
#include "launcher/rank_program.h"
#include "models/init.h"
#include "parallel/replica_check.h"
#include "parallel/weights.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status InitializeWeights(const RunConfig& config, ModelRunner& runner,
                               RankContext& context) {
  if (config.has_init_from()) {
    return LoadWeights(config.init_from(), runner.params(),
                       *context.streams.compute, context.groups.pipeline.get());
  }
  InitializeParameters(runner.params(), *context.streams.compute,
                       config.seed());
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
  COG_RETURN_IF_ERROR(InitializeWeights(config, step->runner(), context));
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
    const bool last = step == last_step;
    COG_ASSIGN_OR_RETURN(const std::optional<End> end,
                         Step(step, last, stop, reporter));
    if (end.has_value()) return *end;
  }
  return End::kTrained;
}

absl::StatusOr<std::optional<Trainer::End>> Trainer::Step(
    int64_t step, bool last, const StopRequest& stop, RunReporter* reporter) {
  step_number_ = step;
  if (context_.ledger != nullptr) context_.ledger->SetStep(step);
  const auto load = [&](int64_t micro_batch, Batch& batch) {
    return loader_.Load(step, micro_batch, batch);
  };
  COG_ASSIGN_OR_RETURN(const TrainingStep::Result result,
                       step_->Run(step, load, stop.requested()));
  consecutive_skips_ = result.skipped ? consecutive_skips_ + 1 : 0;
  const std::optional<End> end =
      ReplicasAgree(step) ? EndAfter(result, last) : End::kReplicasDiffer;
  COG_RETURN_IF_ERROR(MeasurePeakFlops(reporter));
  COG_RETURN_IF_ERROR(Report(step, end.has_value(), result, reporter));
  COG_RETURN_IF_ERROR(EvaluateIfDue(step, end, reporter));
  return end;
}

std::optional<Trainer::End> Trainer::EndAfter(
    const TrainingStep::Result& result, bool last) const {
  if (consecutive_skips_ >= config_.resilience().max_consecutive_skips()) {
    return End::kGaveUp;
  }
  if (last) return End::kTrained;
  if (result.stop_requested) return End::kStopped;
  return std::nullopt;
}

absl::Status Trainer::Report(int64_t step, bool last,
                             const TrainingStep::Result& result,
                             RunReporter* reporter) {
  if (reporter == nullptr) return absl::OkStatus();
  if (result.skipped) {
    reporter->Print(absl::StrCat(
        "step ", step, " was skipped: loss or gradient norm is not finite",
        result.culprit.empty() ? "" : "; first in ", result.culprit));
  }
  return reporter->Step(
      {.step = step,
       .last = last,
       .seconds = result.seconds,
       .loss = result.loss,
       .grad_norm = result.grad_norm,
       .lr = result.lr,
       .skipped = result.skipped,
       .hidden_communication = result.hidden_communication,
       .peak_memory_bytes = context_.device->memory().peak_bytes});
}

bool Trainer::ReplicasAgree(int64_t step) {
  const int64_t every = config_.resilience().replica_check_every_steps();
  if (every == 0 || step % every != 0) return true;
  step_->WaitForWeights();
  const std::vector<std::string> differences =
      CheckReplicas(step_->runner().params(), *context_.groups.replicas,
                    context_.rank(), *context_.streams.compute);
  // Groups compare for themselves; the run ends with all of them.
  const absl::Status agreed =
      Agree(*context_.groups.world,
            differences.empty()
                ? absl::OkStatus()
                : absl::DataLossError(absl::StrJoin(differences, "\n  ")));
  differences_ = std::string(agreed.message());
  return agreed.ok();
}

absl::Status Trainer::EvaluateIfDue(int64_t step, std::optional<End> end,
                                    RunReporter* reporter) {
  const int64_t every = config_.evaluation().every_steps();
  if (!evaluator_.has_value() || every == 0) return absl::OkStatus();
  // Who asks for a stop does not wait for an evaluation.
  const bool due = end.has_value() ? *end == End::kTrained : step % every == 0;
  if (!due) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(const EvaluationResult result,
                       evaluator_->Run(
                           step_->runner(),
                           [&](ModelRunner::LoadMicroBatch load) {
                             return step_->Evaluate(load);
                           },
                           context_, config_.evaluation().batches()));
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

absl::Status Trainer::WriteDiagnostics(absl::string_view path) {
  return WriteFileAtomically(
      path, DescribeTensors(step_->runner().params(), *context_.streams.compute,
                            step_number_, context_.rank()));
}

absl::Status Trainer::SaveWeights(absl::string_view path) {
  return cogdist::SaveWeights(step_->runner().params(), context_, path);
}

}  // namespace cogdist
