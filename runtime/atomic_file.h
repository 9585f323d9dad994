// A file that appears whole or not at all: written under a temporary name
// beside its own, synced, then renamed.

#ifndef COGDIST_RUNTIME_ATOMIC_FILE_H_
#define COGDIST_RUNTIME_ATOMIC_FILE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"
#include "runtime/posix_file_system.h"

namespace cogdist {

// One thread at a time. Errors name the path; after one, Commit() must not be
// called, and the temporary file goes with the object.
class AtomicFile {
 public:
  // The folder must exist. Any number of processes may write the same path at
  // once: the last to commit wins. The file system must outlive the object.
  static absl::StatusOr<AtomicFile> Create(
      absl::string_view path, FileSystem& file_system = PosixFileSystem());

  AtomicFile(AtomicFile&&) = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  // Removes the temporary file unless it was committed.
  ~AtomicFile();

  // What the contents are appended to. It keeps its address when this object
  // moves, and ends with Commit(), which also syncs and closes it.
  WritableFile& file() { return *file_; }

  // Makes the contents durable, takes the file's real name and makes that
  // durable. After an error the old file may be there or the new one.
  absl::Status Commit();

 private:
  AtomicFile(absl::string_view path, std::string temporary,
             FileSystem& file_system, std::unique_ptr<WritableFile> file)
      : path_(path),
        temporary_(std::move(temporary)),
        file_system_(&file_system),
        file_(std::move(file)) {}

  std::string path_;
  std::string temporary_;
  FileSystem* file_system_;
  std::unique_ptr<WritableFile> file_;  // null once renamed or moved from
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_ATOMIC_FILE_H_
