#include "launcher/trainer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/config.h"
#include "launcher/diagnostics.h"
#include "launcher/peak_flops.h"
#include "launcher/rank_program.h"
#include "models/init.h"
#include "parallel/replica_check.h"
#include "parallel/weights.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const RunConfig& config, RankContext& context) {
  COG_ASSIGN_OR_RETURN(BatchLoader loader,
                       BatchLoader::Open(SourcesOf(config.data().train()),
                                         BatchSpecOf(config, context)));
  COG_ASSIGN_OR_RETURN(std::unique_ptr<TrainingStep> step,
                       TrainingStep::Create(config, context));
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
      step_(std::move(step)) {
  GoOnFrom(CheckpointTrainState());
}

absl::Status Trainer::InitializeWeights() {
  if (!config_.has_init_from()) {
    InitializeParameters(params(), *context_.streams.compute, config_.seed());
    return absl::OkStatus();
  }
  return Agree(
      *context_.groups.world,
      LoadWeights(config_.init_from(), params(), *context_.streams.compute,
                  context_.groups.pipeline.get()));
}

void Trainer::GoOnFrom(const CheckpointTrainState& state) {
  state_.set_step(state.step());
  state_.set_optimizer_updates(state.optimizer_updates());
  state_.set_samples(state.samples());
  state_.set_tokens(state.tokens());
  state_.set_data_position(state.data_position());
  state_.set_seed(config_.seed());
  state_.set_consecutive_skips(state.consecutive_skips());
  step_->optimizer().set_updates(state.optimizer_updates());
  loader_.StartAt(state.step() + 1, state.data_position());
}

absl::StatusOr<Trainer::End> Trainer::Run(const RunArgs& args) {
  while (state_.step() < args.last_step) {
    COG_ASSIGN_OR_RETURN(const std::optional<End> end, Step(args));
    if (end.has_value()) return *end;
  }
  return End::kTrained;
}

absl::StatusOr<std::optional<Trainer::End>> Trainer::Step(const RunArgs& args) {
  const int64_t step = state_.step() + 1;
  if (context_.ledger != nullptr) context_.ledger->SetStep(step);
  const auto load = [&](int64_t micro_batch, Batch& batch) {
    return loader_.Load(step, micro_batch, batch);
  };
  COG_ASSIGN_OR_RETURN(const TrainingStep::Result result,
                       step_->Run(step, load, WishToStop(args)));
  stop_reason_ = result.stop_reason;
  Count(result);
  const std::optional<End> end =
      ReplicasAgree() ? EndAfter(result, args.last_step) : End::kReplicasDiffer;
  COG_RETURN_IF_ERROR(MeasurePeakFlops(args.reporter));
  Report(result, end.has_value(), args.reporter);
  if (!end.has_value()) {
    const absl::Status written = args.checkpointing.AfterStep(params(), state_);
    if (absl::IsAborted(written)) return End::kTakenOver;
    COG_RETURN_IF_ERROR(written);
  }
  COG_RETURN_IF_ERROR(EvaluateIfDue(end, args.reporter));
  return end;
}

std::string Trainer::WishToStop(const RunArgs& args) const {
  // Whether that is so shows when the checkpoint of the end is written.
  if (args.checkpointing.SeenTakenOver()) return "another attempt of this run";
  const std::string reason = args.stop.reason();
  if (args.stop.signal() == 0 || context_.rank() == 0) return reason;
  return absl::StrCat(reason, " to rank ", context_.rank());
}

void Trainer::Count(const TrainingStep::Result& result) {
  const int64_t samples = config_.batch().global_batch_size();
  state_.set_step(state_.step() + 1);
  state_.set_optimizer_updates(step_->optimizer().updates());
  state_.set_samples(state_.samples() + samples);
  state_.set_tokens(state_.tokens() + TokensPerStep(config_));
  state_.set_data_position(state_.data_position() + samples);
  state_.set_consecutive_skips(result.skipped ? state_.consecutive_skips() + 1
                                              : 0);
}

std::optional<Trainer::End> Trainer::EndAfter(
    const TrainingStep::Result& result, int64_t last_step) const {
  if (state_.consecutive_skips() >=
      config_.resilience().max_consecutive_skips()) {
    return End::kGaveUp;
  }
  if (state_.step() == last_step) return End::kTrained;
  if (!result.stop_reason.empty()) return End::kStopped;
  return std::nullopt;
}

void Trainer::Report(const TrainingStep::Result& result, bool last,
                     RunReporter* reporter) {
  if (reporter == nullptr) return;
  if (result.skipped) {
    reporter->Print(absl::StrCat(
        "step ", state_.step(),
        " was skipped: loss or gradient norm is not finite",
        result.culprit.empty() ? "" : "; first in ", result.culprit));
  }
  reporter->Step({.step = state_.step(),
                  .last = last,
                  .seconds = result.seconds,
                  .loss = result.loss,
                  .grad_norm = result.grad_norm,
                  .lr = result.lr,
                  .samples = state_.samples(),
                  .tokens = state_.tokens(),
                  .skipped = result.skipped,
                  .hidden_communication = result.hidden_communication,
                  .peak_memory_bytes = context_.device->memory().peak_bytes});
}

bool Trainer::ReplicasAgree() {
  const int64_t every = config_.resilience().replica_check_every_steps();
  if (every == 0 || state_.step() % every != 0) return true;
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

absl::Status Trainer::EvaluateIfDue(std::optional<End> end,
                                    RunReporter* reporter) {
  const int64_t every = config_.evaluation().every_steps();
  if (!evaluator_.has_value() || every == 0) return absl::OkStatus();
  // Who asks for a stop does not wait for an evaluation.
  const bool due =
      end.has_value() ? *end == End::kTrained : state_.step() % every == 0;
  if (!due) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(const EvaluationResult result,
                       evaluator_->Run(
                           step_->runner(),
                           [&](ModelRunner::LoadMicroBatch load) {
                             return step_->Evaluate(load);
                           },
                           context_, config_.evaluation().batches()));
  if (reporter != nullptr) reporter->Evaluation(result);
  return absl::OkStatus();
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
                            state_.step(), context_.rank()));
}

absl::Status Trainer::SaveWeights(absl::string_view path) {
  return cogdist::SaveWeights(step_->runner().params(), context_, path);
}

}  // namespace cogdist
