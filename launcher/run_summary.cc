#include "launcher/run_summary.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "launcher/human_format.h"

namespace cogdist {
namespace {

std::string BatchText(const StartSummary& summary) {
  const int64_t sequences = summary.micro_batch_size *
                            summary.accumulation_steps * summary.data_parallel;
  return absl::StrFormat(
      "%d sequences of %d tokens = %d micro x %d accumulation x %d data",
      sequences, summary.seq_len, summary.micro_batch_size,
      summary.accumulation_steps, summary.data_parallel);
}

std::string StepsText(const StartSummary& summary) {
  const double tokens = static_cast<double>(summary.micro_batch_size) *
                        summary.accumulation_steps * summary.data_parallel *
                        summary.seq_len * summary.train_steps;
  std::string text = absl::StrFormat("%d, %s tokens in all",
                                     summary.train_steps, FormatCount(tokens));
  if (summary.first_step > 1) {
    absl::StrAppend(&text, "; goes on at step ", summary.first_step);
  }
  return text;
}

// "1.50 GiB a rank: weights 1.00 GiB, gradients 512 MiB"
std::string BytesText(const std::vector<ByteCount>& counts,
                      absl::string_view of_what) {
  int64_t sum = 0;
  std::string kinds;
  for (const ByteCount& count : counts) {
    sum += count.bytes;
    if (count.bytes == 0) continue;
    absl::StrAppend(&kinds, kinds.empty() ? ": " : ", ", count.kind, " ",
                    FormatBytes(count.bytes));
  }
  return absl::StrCat(FormatBytes(sum), " ", of_what, kinds);
}

// One line, or one for each pipeline stage.
void AddByteLines(std::string& text, absl::string_view label,
                  const std::vector<std::vector<ByteCount>>& stages,
                  absl::string_view of_what) {
  for (size_t i = 0; i < stages.size(); ++i) {
    AddRow(text, stages.size() == 1 ? label : absl::StrCat(label, " ", i),
           BytesText(stages[i], of_what));
  }
}

std::string ValidationText(const EndSummary& summary) {
  std::string text = absl::StrFormat("%.4f", *summary.validation_loss);
  if (summary.best_validation_loss.has_value()) {
    absl::StrAppendFormat(&text, ", best %.4f", *summary.best_validation_loss);
  }
  return text;
}

std::string SpeedText(const EndSummary& summary) {
  std::string text = absl::StrCat(
      FormatCount(static_cast<double>(summary.tokens) / summary.step_time),
      " tok/s");
  if (summary.mfu.has_value()) {
    absl::StrAppend(&text, ", MFU ", FormatPercent(*summary.mfu));
  }
  return text;
}

}  // namespace

std::string FormatStart(const StartSummary& summary) {
  std::string text = absl::StrCat("cogdist: ", summary.name, "\n");
  AddRow(text, "model",
         absl::StrCat(summary.model, "; ",
                      FormatCount(static_cast<double>(summary.parameters)),
                      " parameters, ", FormatCount(summary.flops_per_token),
                      " FLOP a token"));
  AddRow(text, "layout", summary.layout);
  AddRow(text, "batch", BatchText(summary));
  AddRow(text, "steps", StepsText(summary));
  AddByteLines(text, "memory", summary.memory, "a rank");
  AddByteLines(text, "traffic", summary.traffic, "a rank and step");
  AddRow(text, "run directory", summary.run_dir);
  return text;
}

std::string FormatEnd(const EndSummary& summary) {
  std::string text;
  if (!summary.stopped_by.empty()) {
    text =
        absl::StrFormat("stopped by %s after step %d of %d", summary.stopped_by,
                        summary.step, summary.train_steps);
  } else if (summary.step < summary.train_steps) {  // --steps
    text = absl::StrFormat("done: %d steps of %d", summary.step,
                           summary.train_steps);
  } else {
    text = absl::StrFormat("done: %d steps", summary.step);
  }
  absl::StrAppend(&text, ", ", FormatCount(static_cast<double>(summary.tokens)),
                  " tokens in ", FormatDuration(summary.seconds), " (",
                  FormatPercent(summary.step_time / summary.seconds),
                  " of it in training steps)\n");
  if (summary.loss.has_value()) {
    AddRow(text, "loss", absl::StrFormat("%.4f", *summary.loss));
  }
  if (summary.validation_loss.has_value()) {
    AddRow(text, "validation", ValidationText(summary));
  }
  if (summary.tokens > 0) AddRow(text, "speed", SpeedText(summary));
  if (summary.skipped_steps > 0) {
    AddRow(text, "skipped",
           absl::StrCat(summary.skipped_steps,
                        " steps whose loss or gradient was not finite"));
  }
  if (!summary.weights_path.empty()) {
    AddRow(text, "weights", summary.weights_path);
  }
  if (!summary.checkpoint_path.empty()) {
    AddRow(text, "checkpoint", summary.checkpoint_path);
  }
  AddRow(text, "run directory", summary.run_dir);
  return text;
}

}  // namespace cogdist
