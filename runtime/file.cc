#include "runtime/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "runtime/atomic_file.h"
#include "runtime/status_macros.h"
#include "runtime/unique_fd.h"

namespace cogdist {
namespace {

absl::Status Failed(absl::string_view action, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", action, " ", path));
}

absl::StatusOr<UniqueFd> OpenForReading(absl::string_view path) {
  UniqueFd fd(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return Failed("open", path);
  return fd;
}

// The size of an open file, which must not be a folder.
absl::StatusOr<int64_t> SizeOfFile(const UniqueFd& fd, absl::string_view path) {
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Failed("examine", path);
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a folder; a file is needed"));
  }
  return info.st_size;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const UniqueFd fd, OpenForReading(path));
  COG_ASSIGN_OR_RETURN(const int64_t size, SizeOfFile(fd, path));
  // Pipes and /proc report no size, so the end is where read() says. The one
  // extra byte lets a regular file end without growing the string.
  std::string contents(static_cast<size_t>(std::max<int64_t>(size, 4095)) + 1,
                       '\0');
  size_t used = 0;
  while (true) {
    if (used == contents.size()) contents.resize(2 * used);
    const ssize_t n =
        read(fd.get(), contents.data() + used, contents.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read", path);
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  contents.resize(used);
  return contents;
}

absl::Status WriteFileAtomically(absl::string_view path,
                                 absl::string_view contents) {
  COG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  COG_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

bool FileExists(absl::string_view path) {
  return access(std::string(path).c_str(), F_OK) == 0;
}

absl::Status CreateDirectories(absl::string_view path) {
  std::error_code error;
  std::filesystem::create_directories(std::string(path), error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("cannot make the folder ", path));
}

absl::Status Rename(absl::string_view from, absl::string_view to) {
  if (rename(std::string(from).c_str(), std::string(to).c_str()) != 0) {
    return Failed(absl::StrCat("rename ", from, " to"), to);
  }
  return absl::OkStatus();
}

absl::Status SyncParentDirectory(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const absl::string_view parent =
      slash == absl::string_view::npos ? "." : path.substr(0, slash + 1);
  COG_ASSIGN_OR_RETURN(const UniqueFd fd, OpenForReading(parent));
  // Some file systems have no such call for folders; their names are durable
  // with the file.
  if (fsync(fd.get()) != 0 && errno != EINVAL) return Failed("sync", parent);
  return absl::OkStatus();
}

absl::StatusOr<MappedFile> MappedFile::Open(absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const UniqueFd fd, OpenForReading(path));
  COG_ASSIGN_OR_RETURN(const int64_t size, SizeOfFile(fd, path));
  if (size == 0) return MappedFile();  // mmap refuses an empty range
  void* data = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED,
                    fd.get(), 0);
  if (data == MAP_FAILED) return Failed("map", path);
  return MappedFile(static_cast<const char*>(data), size);
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

void MappedFile::ExpectRandomReads() const {
  if (size_ > 0) madvise(const_cast<char*>(data_), size_, MADV_RANDOM);
}

}  // namespace cogdist
