// Whole files in one call, and files as memory. Every error names the path and
// what the system said; a missing file is a NotFound error. What has to be
// durable step by step goes through runtime/file_system.h.

#ifndef COGDIST_RUNTIME_FILE_H_
#define COGDIST_RUNTIME_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"
#include "runtime/posix_file_system.h"

namespace cogdist {

// The whole contents, also of a pipe. For files that fit in memory; others are
// mapped.
absl::StatusOr<std::string> ReadFile(absl::string_view path);

// Replaces `path` by a file with these contents, durably: a reader, or the next
// start after a crash, sees the old file or the new one, never a part. For
// contents that come in pieces there is runtime/atomic_file.h.
absl::Status WriteFileAtomically(absl::string_view path,
                                 absl::string_view contents,
                                 FileSystem& file_system = PosixFileSystem());

// True if anything has this name: a file, a folder, a device; false if there is
// no looking.
bool FileExists(absl::string_view path);

// Makes the folder and those above it; existing ones are fine.
absl::Status CreateDirectories(absl::string_view path);

// A file's contents as read-only memory, fetched from the disk when touched.
// The file must keep its length while it is mapped: the system ends a process
// that reads beyond the end of a file that was cut short. Threads may share it.
class MappedFile {
 public:
  // An empty file is mapped as well: contents() is empty then.
  static absl::StatusOr<MappedFile> Open(absl::string_view path);

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // The start is aligned to a page.
  absl::string_view contents() const {
    return absl::string_view(data_, static_cast<size_t>(size_));
  }
  int64_t size() const { return size_; }

  // Asks the system to begin reading these bytes; returns at once.
  void Prefetch(int64_t offset, int64_t bytes) const;
  // Gives the memory of these bytes back: who reads them again waits for the
  // disk again. For passes over files that memory cannot hold.
  void Release(int64_t offset, int64_t bytes) const;
  // Tells the system that reads will jump: it then fetches no neighbours.
  void ExpectRandomReads() const;

 private:
  MappedFile(const char* data, int64_t size) : data_(data), size_(size) {}

  const char* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_FILE_H_
