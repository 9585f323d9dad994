// A folder of files that appears whole or not at all: filled under a temporary
// name beside its own, then renamed.

#ifndef COGDIST_RUNTIME_ATOMIC_FOLDER_H_
#define COGDIST_RUNTIME_ATOMIC_FOLDER_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"
#include "runtime/posix_file_system.h"

namespace cogdist {

// One thread at a time. Errors name the path; after one, Commit() must not be
// called, and the temporary folder goes with the object.
class AtomicFolder {
 public:
  // AlreadyExists, saying what to do, if anything has this name. The folder
  // above must exist. The file system must outlive the object.
  static absl::StatusOr<AtomicFolder> Create(
      absl::string_view path, FileSystem& file_system = PosixFileSystem());

  AtomicFolder(AtomicFolder&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, "")),
        file_system_(other.file_system_) {}
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  // Removes the temporary folder and the files in it unless it was committed.
  ~AtomicFolder();

  // The temporary folder, for the files.
  const std::string& path() const { return temporary_; }

  // Gives the folder its real name, durably; AlreadyExists if something has
  // taken that meanwhile. REQUIRES: every file in it is closed and synced.
  absl::Status Commit();

 private:
  AtomicFolder(absl::string_view path, std::string temporary,
               FileSystem& file_system)
      : path_(path),
        temporary_(std::move(temporary)),
        file_system_(&file_system) {}

  std::string path_;
  std::string temporary_;  // empty once renamed or moved from
  FileSystem* file_system_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_ATOMIC_FOLDER_H_
