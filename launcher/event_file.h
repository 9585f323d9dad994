// TensorBoard event files: the curves of metrics.jsonl for
// `tensorboard --logdir RUN_DIR/events`.

#ifndef COGDIST_LAUNCHER_EVENT_FILE_H_
#define COGDIST_LAUNCHER_EVENT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "launcher/append_file.h"
#include "launcher/metrics_log.h"

namespace cogdist {

// A value of one curve.
struct Scalar {
  absl::string_view tag;  // e.g. "train/loss"
  double value = 0;       // stored as float32; left out unless finite
};

// `payload` as a TFRecord, which is how event files frame their messages:
// uint64 length, masked CRC-32C of the length, payload, masked CRC-32C of the
// payload; little-endian.
std::string TfRecord(absl::string_view payload);

// TFRecord's mask, so that checksums of data that hold checksums stay good
// ones.
uint32_t MaskedCrc32c(absl::string_view bytes);

// Appends to one file; rank 0 only, one thread. A record is in the file when
// Add() returns, whole. Every start of a run makes a file of its own, and
// TensorBoard shows all files of a folder as one run.
class EventFile {
 public:
  // Makes events.out.tfevents.SECONDS.HOST.PID in `folder`, which must exist.
  static absl::StatusOr<EventFile> Create(absl::string_view folder,
                                          absl::Time time);

  // loss, grad_norm, learning_rate under train/; tokens_per_second, mfu,
  // step_seconds, hidden_communication under throughput/; memory/peak_bytes.
  // A skipped step has no loss.
  absl::Status Add(const StepRecord& record, absl::Time time);
  // loss, perplexity, bits_per_byte under validation/.
  absl::Status Add(const EvaluationRecord& record, absl::Time time);
  absl::Status Add(int64_t step, absl::Time time,
                   absl::Span<const Scalar> scalars);

  const std::string& path() const { return path_; }

 private:
  EventFile(std::string path, AppendFile file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  AppendFile file_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_EVENT_FILE_H_
