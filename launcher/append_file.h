// A file that only grows, by whole records: what metrics, event and log files
// are made of.

#ifndef COGDIST_LAUNCHER_APPEND_FILE_H_
#define COGDIST_LAUNCHER_APPEND_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/unique_fd.h"

namespace cogdist {

// Every record is one write(2) at the end of the file, unbuffered: it is the
// system's as soon as Append() returns and survives the end of this process,
// though not the machine's. One writer at a time; any number of readers, which
// see whole records but for one that a crash cut short. Errors name the path.
class AppendFile {
 public:
  // Makes the file when it is missing; its folder must exist.
  static absl::StatusOr<AppendFile> Open(absl::string_view path);

  // All of `record` or, on error (e.g. a full disk), nothing of it.
  absl::Status Append(absl::string_view record);

  // Up to the last `max_bytes` bytes of the file.
  absl::StatusOr<std::string> Tail(int64_t max_bytes) const;

  // Text files: cuts off a last line that has no end because its writer died.
  // Lines are at most 1 MiB long.
  absl::Status CutTornLine();

 private:
  AppendFile(absl::string_view path, UniqueFd fd)
      : path_(path), fd_(std::move(fd)) {}
  absl::StatusOr<int64_t> Size() const;
  absl::Status Failed(absl::string_view action) const;

  std::string path_;
  UniqueFd fd_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_APPEND_FILE_H_
