// RUN_DIR/log/rank_NNNNN.log: what one rank has to say, with times.

#ifndef COGDIST_LAUNCHER_RANK_LOG_H_
#define COGDIST_LAUNCHER_RANK_LOG_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "launcher/append_file.h"

namespace cogdist {

enum class LogLevel { kInfo, kWarning, kError };

// "2026-01-31T12:00:00.250Z warning step 12: MESSAGE", in UTC, with an end of
// line; further lines of the message are indented.
std::string FormatLogLine(LogLevel level, int64_t step, absl::Time time,
                          absl::string_view message);

// One for each rank, used by its thread only. Lines are in the file at once. A
// log that cannot be written (a full disk) does not end the run.
class RankLog {
 public:
  // Appends to the file at `path` or makes it. Warnings and errors also go to
  // `console` as "cogdist: warning: MESSAGE", unless it is null: rank 0 gives
  // std::cerr.
  static absl::StatusOr<RankLog> Open(absl::string_view path,
                                      std::ostream* console);

  void Info(absl::string_view message) { Write(LogLevel::kInfo, message); }
  void Warning(absl::string_view message) {
    Write(LogLevel::kWarning, message);
  }
  void Error(absl::string_view message) { Write(LogLevel::kError, message); }

 private:
  RankLog(AppendFile file, std::ostream* console)
      : file_(std::move(file)), console_(console) {}
  void Write(LogLevel level, absl::string_view message);

  AppendFile file_;
  std::ostream* console_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RANK_LOG_H_
