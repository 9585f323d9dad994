// Everything that rank 0 tells the world about a training run: metrics file,
// event file, progress and summaries on the terminal.

#ifndef COGDIST_LAUNCHER_RUN_REPORTER_H_
#define COGDIST_LAUNCHER_RUN_REPORTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "launcher/evaluator.h"
#include "launcher/event_file.h"
#include "launcher/memory_plan.h"
#include "launcher/metrics_log.h"
#include "launcher/progress.h"
#include "launcher/run_description.h"
#include "launcher/run_directory.h"
#include "launcher/run_summary.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// One update, as the trainer knows it.
struct StepReport {
  int64_t step = 0;
  bool last = false;   // the run ends with it
  double seconds = 0;  // wall time of the step
  double loss = 0;     // mean over the global batch
  double grad_norm = 0;
  double lr = 0;
  int64_t samples = 0;  // sequences trained on since the start of the run
  int64_t tokens = 0;   // likewise
  bool skipped = false;
  std::optional<double> hidden_communication;  // 0 to 1
  int64_t peak_memory_bytes = 0;
};

// Rank 0's, one thread. What it writes is described in docs/run_directory.md.
class RunReporter {
 public:
  // Opens the files in `directory`; `config` (resolved) outlives the reporter.
  // `attempt`: which start of the run this is. `samples_per_epoch`: different
  // sequences of the training data.
  static absl::StatusOr<std::unique_ptr<RunReporter>> Create(
      const RunConfig& config, const RunDirectory& directory, int64_t attempt,
      int64_t samples_per_epoch);

  // The banner before the first step, which is number `first_step`.
  void Start(const RunLayout& layout, const StepPlan& plan, int64_t first_step);

  // FLOP/s that all devices together reach in matrix products; 0: not known,
  // and no MFU.
  void set_peak_flops(double peak_flops) { peak_flops_ = peak_flops; }

  // Every step is reported; those of logging.log_every_steps, and the last of
  // the run, are written, with rates that cover all since the one before. Where
  // that fails (a full disk), lines are lost and it is told: no reason to end.
  void Step(const StepReport& report);
  // After the step that was reported last.
  void Evaluation(const EvaluationResult& result);

  // A line on the terminal, above the progress line.
  void Print(absl::string_view line) { progress_.Print(line); }

  // The summary at the end, as far as the caller knows it: `stopped_by` and the
  // paths.
  void End(EndSummary summary);

 private:
  RunReporter(const RunConfig& config, const RunDirectory& directory,
              MetricsLog metrics, std::optional<EventFile> events,
              int64_t samples_per_epoch);

  // The line for a step, and for all since the one before.
  StepRecord Record(const StepReport& report) const;
  // To both files.
  template <typename Line>
  void Write(const Line& record, absl::Time time);

  const RunConfig& config_;
  RunDirectory directory_;
  MetricsLog metrics_;
  std::optional<EventFile> events_;
  Progress progress_;
  int64_t samples_per_epoch_;
  double flops_per_token_;
  double peak_flops_ = 0;
  absl::Time start_;

  bool losing_lines_ = false;  // as has been told

  // Since the last written step.
  int64_t interval_steps_ = 0;
  double interval_seconds_ = 0;

  // Of the whole run, for the summary.
  double training_seconds_ = 0;
  int64_t steps_ = 0;
  StepReport last_;
  int64_t skipped_ = 0;
  std::optional<double> loss_, validation_loss_, best_validation_loss_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_REPORTER_H_
