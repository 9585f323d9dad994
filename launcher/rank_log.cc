#include "launcher/rank_log.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

}  // namespace

std::string FormatLogLine(LogLevel level, int64_t step, absl::Time time,
                          absl::string_view message) {
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()), " ",
      Name(level), " step ", step, ": ",
      absl::StrReplaceAll(message, {{"\n", "\n    "}}), "\n");
}

absl::StatusOr<RankLog> RankLog::Open(absl::string_view path,
                                      std::ostream* console) {
  COG_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  COG_RETURN_IF_ERROR(file.CutTornLine());
  return RankLog(std::move(file), console);
}

void RankLog::Write(LogLevel level, absl::string_view message) {
  file_
      .Append(FormatLogLine(level, CurrentRankTag().step, absl::Now(), message))
      .IgnoreError();
  if (level == LogLevel::kInfo || console_ == nullptr) return;
  *console_ << "cogdist: " << Name(level) << ": " << message << std::endl;
}

}  // namespace cogdist
