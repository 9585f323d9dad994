// A file that appears whole or not at all: written under a temporary name
// beside its own, synced, then renamed.

#ifndef COGDIST_RUNTIME_ATOMIC_FILE_H_
#define COGDIST_RUNTIME_ATOMIC_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/unique_fd.h"

namespace cogdist {

// One thread at a time. Errors name the path; after one, Commit() must not be
// called, and the temporary file goes with the object.
class AtomicFile {
 public:
  // The folder must exist. Any number of processes may write the same path at
  // once: the last to commit wins.
  static absl::StatusOr<AtomicFile> Create(absl::string_view path);

  AtomicFile(AtomicFile&&) = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  // Removes the temporary file unless it was committed.
  ~AtomicFile();

  // Buffered: small pieces cost no system call each.
  absl::Status Append(absl::string_view bytes);

  // Syncs the contents to the disk, then takes the file's real name. Nothing
  // may be appended after it.
  absl::Status Commit();

 private:
  AtomicFile(absl::string_view path, std::string temporary, UniqueFd fd)
      : path_(path), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  absl::Status Write(absl::string_view bytes);

  std::string path_;
  std::string temporary_;
  UniqueFd fd_;  // not valid once committed or moved from
  std::string buffer_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_ATOMIC_FILE_H_
