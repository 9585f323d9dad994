#include "runtime/file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "runtime/atomic_file.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::string> ReadFile(absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const OpenedFile file, OpenForReading(path));
  // Pipes and /proc report no size, so the end is where read() says. The one
  // extra byte lets a regular file end without growing the string.
  std::string contents(
      static_cast<size_t>(std::max<int64_t>(file.size, 4095)) + 1, '\0');
  size_t used = 0;
  while (true) {
    if (used == contents.size()) contents.resize(2 * used);
    const ssize_t n =
        read(file.fd.get(), contents.data() + used, contents.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "read", path);
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  contents.resize(used);
  return contents;
}

absl::Status WriteFileAtomically(absl::string_view path,
                                 absl::string_view contents,
                                 FileSystem& file_system) {
  COG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, file_system));
  COG_RETURN_IF_ERROR(file.file().Append(contents));
  return file.Commit();
}

bool FileExists(absl::string_view path) {
  return PosixFileSystem().Exists(path).value_or(false);
}

absl::Status CreateDirectories(absl::string_view path) {
  std::error_code error;
  std::filesystem::create_directories(std::string(path), error);
  if (!error) return absl::OkStatus();
  return FileError(error.value(), "make the folder", path);
}

absl::StatusOr<MappedFile> MappedFile::Open(absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const OpenedFile file, OpenForReading(path));
  if (file.size == 0) return MappedFile();  // mmap refuses an empty range
  void* data = mmap(nullptr, static_cast<size_t>(file.size), PROT_READ,
                    MAP_SHARED, file.fd.get(), 0);
  if (data == MAP_FAILED) return FileError(errno, "map", path);
  return MappedFile(static_cast<const char*>(data), file.size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

void MappedFile::Prefetch(int64_t offset, int64_t bytes) const {
  if (bytes <= 0) return;
  const int64_t begin = offset - offset % sysconf(_SC_PAGESIZE);
  madvise(const_cast<char*>(data_) + begin, offset + bytes - begin,
          MADV_WILLNEED);  // advice only: a failure changes nothing
}

void MappedFile::Release(int64_t offset, int64_t bytes) const {
  // Whole pages: the first and the last one hold others' bytes, too.
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t begin = (offset + page - 1) / page * page;
  const int64_t end = (offset + bytes) / page * page;
  if (begin >= end) return;
  madvise(const_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
}

void MappedFile::ExpectRandomReads() const {
  if (size_ > 0) madvise(const_cast<char*>(data_), size_, MADV_RANDOM);
}

}  // namespace cogdist
