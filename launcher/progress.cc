#include "launcher/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/human_format.h"

namespace cogdist {
namespace {

constexpr absl::Duration kPlainInterval = absl::Seconds(1);
constexpr double kSmoothing = 0.9;

// To the start of the row, and everything in it cleared.
constexpr char kClearRow[] = "\r\x1b[K";

}  // namespace

int TerminalWidth(int fd) {
  winsize size = {};
  if (isatty(fd) == 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::string FormatProgress(const StepRecord& record, int64_t train_steps,
                           double seconds_left, int max_columns) {
  std::vector<std::string> fields = {
      absl::StrFormat("step %d/%d", record.step, train_steps),
      record.skipped ? "skipped" : absl::StrFormat("loss %.4f", record.loss),
      absl::StrCat(FormatCount(record.tokens_per_second), " tok/s")};
  if (record.mfu.has_value()) {
    fields.push_back(absl::StrCat("MFU ", FormatPercent(*record.mfu)));
  }
  if (std::isfinite(seconds_left)) {
    fields.push_back(absl::StrCat(FormatDuration(seconds_left), " left"));
  }
  std::string line;
  for (const std::string& field : fields) {
    std::string longer = line.empty() ? field : line + " | " + field;
    if (static_cast<int>(longer.size()) > max_columns) break;
    line = std::move(longer);
  }
  // Too narrow even for the first field.
  if (line.empty()) line = fields[0].substr(0, max_columns);
  return line;
}

std::string FormatEvaluation(const EvaluationRecord& record) {
  std::string line =
      absl::StrFormat("step %d: validation loss %.4f, perplexity %.4g",
                      record.step, record.loss, Perplexity(record.loss));
  if (record.bits_per_byte.has_value()) {
    absl::StrAppendFormat(&line, ", %.3f bits per byte", *record.bits_per_byte);
  }
  return line;
}

void SmoothedStepTime::Add(double step_seconds) {
  if (!std::isfinite(step_seconds)) return;
  sum_ = kSmoothing * sum_ + (1 - kSmoothing) * step_seconds;
  weight_ = kSmoothing * weight_ + (1 - kSmoothing);
}

double SmoothedStepTime::seconds() const {
  return weight_ > 0 ? sum_ / weight_
                     : std::numeric_limits<double>::quiet_NaN();
}

void Progress::Update(const StepRecord& record, absl::Time now) {
  step_time_.Add(record.step_seconds);
  const int64_t steps_left = options_.train_steps - record.step;
  const bool terminal = options_.terminal_width > 0;
  // The last column stays empty: filling it moves some terminals' cursor.
  line_ = FormatProgress(
      record, options_.train_steps,
      static_cast<double>(steps_left) * step_time_.seconds(),
      terminal ? options_.terminal_width - 1 : std::numeric_limits<int>::max());
  const bool wait =
      !terminal && steps_left > 0 && now - last_shown_ < kPlainInterval;
  held_back_ = wait;
  if (wait) return;
  last_shown_ = now;
  Show();
}

void Progress::Show() {
  if (options_.terminal_width > 0) {
    options_.out << kClearRow << line_ << std::flush;
    drawn_ = true;
  } else {
    options_.out << line_ << '\n' << std::flush;
    held_back_ = false;
  }
}

void Progress::Print(absl::string_view line) {
  if (drawn_) options_.out << kClearRow;
  options_.out << line << '\n' << std::flush;
  if (drawn_) Show();
}

void Progress::Finish() {
  if (held_back_) Show();
  if (drawn_) options_.out << '\n' << std::flush;
  drawn_ = false;
}

}  // namespace cogdist
