#include "launcher/metrics_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Keeps the order in which members are added, for people who read the file.
// It prints a double with enough digits to read back exactly, and one that is
// not finite as null; it throws on bad UTF-8 only, and here are no strings.
using Json = nlohmann::ordered_json;

// Members that every line ends with.
std::string Finish(Json line, int64_t epoch, int64_t attempt, absl::Time time) {
  line["epoch"] = epoch;
  line["attempt"] = attempt;
  line["time"] = absl::ToUnixMillis(time) / 1000.0;
  return line.dump();
}

Json OrNull(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

}  // namespace

double Perplexity(double loss) { return std::exp(loss); }

std::string ToJson(const StepRecord& record, int64_t attempt, absl::Time time) {
  Json line;
  line["step"] = record.step;
  line["loss"] = record.skipped ? Json(nullptr) : Json(record.loss);
  if (record.skipped) line["skipped"] = true;
  line["grad_norm"] = record.grad_norm;
  line["lr"] = record.lr;
  line["tokens"] = record.tokens;
  line["samples"] = record.samples;
  line["tokens_per_second"] = record.tokens_per_second;
  line["mfu"] = OrNull(record.mfu);
  line["step_seconds"] = record.step_seconds;
  if (record.hidden_communication.has_value()) {
    line["hidden_communication"] = *record.hidden_communication;
  }
  line["peak_memory_bytes"] = record.peak_memory_bytes;
  return Finish(std::move(line), record.epoch, attempt, time);
}

std::string ToJson(const EvaluationRecord& record, int64_t attempt,
                   absl::Time time) {
  Json line;
  line["step"] = record.step;
  line["validation_loss"] = record.loss;
  line["validation_perplexity"] = Perplexity(record.loss);
  if (record.bits_per_byte.has_value()) {
    line["validation_bits_per_byte"] = *record.bits_per_byte;
  }
  line["tokens"] = record.tokens;
  return Finish(std::move(line), record.epoch, attempt, time);
}

absl::StatusOr<MetricsLog> MetricsLog::Open(absl::string_view path,
                                            int64_t attempt) {
  COG_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  COG_RETURN_IF_ERROR(file.CutTornLine());
  return MetricsLog(std::move(file), attempt);
}

absl::Status MetricsLog::Write(const StepRecord& record) {
  return file_.Append(
      absl::StrCat(ToJson(record, attempt_, absl::Now()), "\n"));
}

absl::Status MetricsLog::Write(const EvaluationRecord& record) {
  return file_.Append(
      absl::StrCat(ToJson(record, attempt_, absl::Now()), "\n"));
}

}  // namespace cogdist
