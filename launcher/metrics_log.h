// RUN_DIR/metrics.jsonl: one JSON object a line for every logged step and every
// evaluation. docs/run_directory.md describes the fields.

#ifndef COGDIST_LAUNCHER_METRICS_LOG_H_
#define COGDIST_LAUNCHER_METRICS_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "launcher/append_file.h"

namespace cogdist {

// One update. A number that is not finite is written as null.
struct StepRecord {
  int64_t step = 0;              // updates done, from 1
  bool skipped = false;          // loss or gradient norm was not finite: the
                                 // update was left out, "loss" is null
  double loss = 0;               // mean over the batch's targets, in nats
  double grad_norm = 0;          // L2, over all parameters, before clipping
  double lr = 0;                 // learning rate of this update
  int64_t tokens = 0;            // seen since the start of the run
  int64_t samples = 0;           // sequences, likewise
  int64_t epoch = 0;             // whole passes over the training data so far
  double tokens_per_second = 0;  // all ranks together, since the last line
  double step_seconds = 0;       // mean since the last line
  std::optional<double> mfu;     // 0 to 1; none while the peak is unknown
  // Share of the communication time that computation hid, 0 to 1; none where
  // ranks do not communicate.
  std::optional<double> hidden_communication;
  int64_t peak_memory_bytes = 0;  // rank 0's high-water mark on its device
};

// One pass over the validation batches.
struct EvaluationRecord {
  int64_t step = 0;    // updates done before it
  int64_t tokens = 0;  // trained on by then, as in StepRecord
  int64_t epoch = 0;
  double loss = 0;  // mean over the validation targets, in nats
  // The same loss per byte of text, in bits; none where the tokens' text is not
  // known.
  std::optional<double> bits_per_byte;
};

// exp(loss): what "validation_perplexity" holds.
double Perplexity(double loss);

// Lines without their end. Doubles are printed so that reading them gives the
// same bits.
std::string ToJson(const StepRecord& record, int64_t attempt, absl::Time time);
std::string ToJson(const EvaluationRecord& record, int64_t attempt,
                   absl::Time time);

// Appends to the file; rank 0 only, one thread. A line is in the file when
// Write() returns, whole.
class MetricsLog {
 public:
  // Makes the file or goes on with it. A line that a crash cut short is
  // removed; everything else stays as it is, repeated steps included.
  // `attempt`: which start of the run this is, from 1.
  static absl::StatusOr<MetricsLog> Open(absl::string_view path,
                                         int64_t attempt);

  absl::Status Write(const StepRecord& record);
  absl::Status Write(const EvaluationRecord& record);

 private:
  MetricsLog(AppendFile file, int64_t attempt)
      : file_(std::move(file)), attempt_(attempt) {}

  AppendFile file_;
  int64_t attempt_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_METRICS_LOG_H_
