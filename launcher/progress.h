// What rank 0 shows while a run trains: on a terminal one line, rewritten in
// place; elsewhere a plain line now and then.

#ifndef COGDIST_LAUNCHER_PROGRESS_H_
#define COGDIST_LAUNCHER_PROGRESS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "launcher/metrics_log.h"

namespace cogdist {

// The columns of the terminal behind a file descriptor; 0 if there is none, or
// none with a size: Open MPI gives its ranks a terminal of mpirun's size, which
// is none when mpirun's own output goes to a file or pipe.
int TerminalWidth(int fd);

// "step 1200/10000 | loss 3.2140 | 412k tok/s | MFU 51.2 % | 3 h 06 min left"
// or, if that is longer than `max_columns`, without the last of its fields.
// Unknown fields are left out, too.
std::string FormatProgress(const StepRecord& record, int64_t train_steps,
                           double seconds_left, int max_columns);

// "step 1000: validation loss 3.2140, perplexity 24.9, 1.234 bits per byte"
std::string FormatEvaluation(const EvaluationRecord& record);

// The mean step time of late: an exponential average over about ten reports,
// unbiased from the first one on (as Adam's moments are).
class SmoothedStepTime {
 public:
  void Add(double step_seconds);
  // NaN before the first report.
  double seconds() const;

 private:
  double sum_ = 0;
  double weight_ = 0;
};

// One thread. Writes whole lines, or whole rewrites of its one line.
class Progress {
 public:
  struct Options {
    std::ostream& out;
    int64_t train_steps;
    // Columns of the terminal that `out` leads to; 0: plain lines.
    int terminal_width = 0;
  };

  explicit Progress(const Options& options) : options_(options) {}
  // Calls Finish().
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A logged step. Plain lines come at most once a second, but for the first
  // and the last step of the run, which are always shown.
  void Update(const StepRecord& record, absl::Time now);

  // A line that stays, e.g. an evaluation; the progress line moves below it.
  void Print(absl::string_view line);

  // Shows the newest step, if the rate limit held it back, and ends the line.
  void Finish();

 private:
  void Show();

  Options options_;
  SmoothedStepTime step_time_;
  absl::Time last_shown_ = absl::InfinitePast();
  std::string line_;        // of the newest step
  bool held_back_ = false;  // plain: line_ was not shown
  bool drawn_ = false;      // terminal: line_ stands in the last row
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_PROGRESS_H_
