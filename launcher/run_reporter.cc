#include "launcher/run_reporter.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "launcher/config.h"
#include "launcher/run_description.h"
#include "launcher/run_summary.h"
#include "models/cost.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<RunReporter>> RunReporter::Create(
    const RunConfig& config, const RunDirectory& directory, int64_t attempt,
    int64_t samples_per_epoch) {
  COG_ASSIGN_OR_RETURN(MetricsLog metrics,
                       MetricsLog::Open(directory.metrics_path(), attempt));
  std::optional<EventFile> events;
  if (config.logging().tensorboard()) {
    COG_ASSIGN_OR_RETURN(
        events, EventFile::Create(directory.events_dir(), absl::Now()));
  }
  return std::unique_ptr<RunReporter>(
      new RunReporter(config, directory, std::move(metrics), std::move(events),
                      samples_per_epoch));
}

RunReporter::RunReporter(const RunConfig& config, const RunDirectory& directory,
                         MetricsLog metrics, std::optional<EventFile> events,
                         int64_t samples_per_epoch)
    : config_(config),
      directory_(directory),
      metrics_(std::move(metrics)),
      events_(std::move(events)),
      progress_({.out = std::cout,
                 .train_steps = config.train_steps(),
                 .terminal_width = TerminalWidth(STDOUT_FILENO)}),
      samples_per_epoch_(samples_per_epoch),
      flops_per_token_(TrainingFlopsPerToken(config.model().cogformer(),
                                             config.data().seq_len())),
      start_(absl::Now()) {}

void RunReporter::Start(const RunLayout& layout, const StepPlan& plan,
                        int64_t first_step) {
  StartSummary summary = DescribeRun(config_, layout, {plan});
  summary.first_step = first_step;
  std::cout << FormatStart(summary) << std::flush;
}

void RunReporter::Step(const StepReport& report) {
  // Counted whether or not it gets a line: rates are means over all steps.
  ++interval_steps_;
  interval_seconds_ += report.seconds;
  ++steps_;
  training_seconds_ += report.seconds;
  last_ = report;
  skipped_ += report.skipped;
  if (!report.skipped) loss_ = report.loss;
  if (report.step % config_.logging().log_every_steps() != 0 && !report.last) {
    return;
  }
  const StepRecord record = Record(report);
  interval_steps_ = 0;
  interval_seconds_ = 0;
  const absl::Time now = absl::Now();
  progress_.Update(record, now);
  Write(record, now);
}

template <typename Line>
void RunReporter::Write(const Line& record, absl::Time time) {
  absl::Status written = metrics_.Write(record);
  if (events_.has_value()) written.Update(events_->Add(record, time));
  if (!written.ok() && !losing_lines_) {
    Print(absl::StrCat("warning: metrics are lost: ", written.message()));
  }
  losing_lines_ = !written.ok();
}

StepRecord RunReporter::Record(const StepReport& report) const {
  const double tokens_per_second =
      TokensPerStep(config_) * interval_steps_ / interval_seconds_;
  StepRecord record = {
      .step = report.step,
      .skipped = report.skipped,
      .loss = report.loss,
      .grad_norm = report.grad_norm,
      .lr = report.lr,
      .tokens = report.tokens,
      .samples = report.samples,
      .epoch = report.samples / samples_per_epoch_,
      .tokens_per_second = tokens_per_second,
      .step_seconds = interval_seconds_ / interval_steps_,
      .hidden_communication = report.hidden_communication,
      .peak_memory_bytes = report.peak_memory_bytes,
  };
  if (peak_flops_ > 0) {
    record.mfu = tokens_per_second * flops_per_token_ / peak_flops_;
  }
  return record;
}

void RunReporter::Evaluation(const EvaluationResult& result) {
  const EvaluationRecord record = {.step = last_.step,
                                   .tokens = last_.tokens,
                                   .epoch = last_.samples / samples_per_epoch_,
                                   .loss = result.loss,
                                   .bits_per_byte = result.bits_per_byte};
  validation_loss_ = result.loss;
  best_validation_loss_ =
      std::min(result.loss, best_validation_loss_.value_or(result.loss));
  progress_.Print(FormatEvaluation(record));
  Write(record, absl::Now());
}

void RunReporter::End(EndSummary summary) {
  progress_.Finish();
  summary.step = last_.step;
  summary.train_steps = config_.train_steps();
  summary.tokens = steps_ * TokensPerStep(config_);
  summary.seconds = absl::ToDoubleSeconds(absl::Now() - start_);
  summary.step_time = training_seconds_;
  summary.skipped_steps = skipped_;
  summary.loss = loss_;
  summary.validation_loss = validation_loss_;
  summary.best_validation_loss = best_validation_loss_;
  summary.run_dir = directory_.path();
  if (peak_flops_ > 0 && training_seconds_ > 0) {
    summary.mfu =
        summary.tokens * flops_per_token_ / (training_seconds_ * peak_flops_);
  }
  std::cout << FormatEnd(summary) << std::flush;
}

}  // namespace cogdist
