#include "launcher/event_file.h"

#include <unistd.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/event.pb.h"
#include "runtime/crc32c.h"
#include "runtime/process.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

template <typename Unsigned>
std::string LittleEndian(Unsigned value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(value); ++i) {
    bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
  return bytes;
}

double UnixSeconds(absl::Time time) {
  return static_cast<double>(absl::ToUnixMicros(time)) / 1e6;
}

}  // namespace

uint32_t MaskedCrc32c(absl::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string TfRecord(absl::string_view payload) {
  const std::string length = LittleEndian(uint64_t{payload.size()});
  return absl::StrCat(length, LittleEndian(MaskedCrc32c(length)), payload,
                      LittleEndian(MaskedCrc32c(payload)));
}

absl::StatusOr<EventFile> EventFile::Create(absl::string_view folder,
                                            absl::Time time) {
  std::string path =
      absl::StrCat(folder, "/events.out.tfevents.", absl::ToUnixSeconds(time),
                   ".", HostName(), ".", getpid());
  COG_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  tensorboard::Event version;
  version.set_wall_time(UnixSeconds(time));
  version.set_file_version("brain.Event:2");
  COG_RETURN_IF_ERROR(file.Append(TfRecord(version.SerializeAsString())));
  return EventFile(std::move(path), std::move(file));
}

absl::Status EventFile::Add(const StepRecord& record, absl::Time time) {
  const Scalar scalars[] = {
      {"train/loss", record.skipped ? kNone : record.loss},
      {"train/grad_norm", record.grad_norm},
      {"train/learning_rate", record.lr},
      {"throughput/tokens_per_second", record.tokens_per_second},
      {"throughput/mfu", record.mfu.value_or(kNone)},
      {"throughput/step_seconds", record.step_seconds},
      {"throughput/hidden_communication",
       record.hidden_communication.value_or(kNone)},
      {"memory/peak_bytes", static_cast<double>(record.peak_memory_bytes)},
  };
  return Add(record.step, time, scalars);
}

absl::Status EventFile::Add(const EvaluationRecord& record, absl::Time time) {
  const Scalar scalars[] = {
      {"validation/loss", record.loss},
      {"validation/perplexity", Perplexity(record.loss)},
      {"validation/bits_per_byte", record.bits_per_byte.value_or(kNone)},
  };
  return Add(record.step, time, scalars);
}

absl::Status EventFile::Add(int64_t step, absl::Time time,
                            absl::Span<const Scalar> scalars) {
  tensorboard::Event event;
  event.set_wall_time(UnixSeconds(time));
  event.set_step(step);
  for (const Scalar& scalar : scalars) {
    const float value = static_cast<float>(scalar.value);
    if (!std::isfinite(value)) continue;
    tensorboard::Summary::Value& added = *event.mutable_summary()->add_value();
    added.set_tag(std::string(scalar.tag));
    added.set_simple_value(value);
  }
  if (!event.has_summary()) return absl::OkStatus();
  return file_.Append(TfRecord(event.SerializeAsString()));
}

}  // namespace cogdist
