#include "launcher/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<AppendFile> AppendFile::Open(absl::string_view path) {
  AppendFile file(
      path, UniqueFd(open(std::string(path).c_str(),
                          O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)));
  if (!file.fd_.valid()) return file.Failed("write");
  return file;
}

absl::Status AppendFile::Append(absl::string_view record) {
  COG_ASSIGN_OR_RETURN(const int64_t size, Size());
  ssize_t written;
  do {
    written = write(fd_.get(), record.data(), record.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(record.size())) return absl::OkStatus();
  if (written < 0) return Failed("write");
  // A regular file takes less than asked only when it may not grow further.
  if (ftruncate(fd_.get(), size) != 0) return Failed("repair");
  errno = ENOSPC;
  return Failed("write");
}

absl::StatusOr<std::string> AppendFile::Tail(int64_t max_bytes) const {
  COG_ASSIGN_OR_RETURN(const int64_t size, Size());
  std::string tail(static_cast<size_t>(std::min(size, max_bytes)), '\0');
  const int64_t begin = size - static_cast<int64_t>(tail.size());
  size_t done = 0;
  while (done < tail.size()) {
    const ssize_t n = pread(fd_.get(), &tail[done], tail.size() - done,
                            begin + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read");
    if (n == 0) break;  // cut by somebody else meanwhile
    done += static_cast<size_t>(n);
  }
  tail.resize(done);
  return tail;
}

absl::Status AppendFile::CutTornLine() {
  constexpr int64_t kLongestLine = 1 << 20;
  COG_ASSIGN_OR_RETURN(const std::string tail, Tail(kLongestLine));
  const size_t end = tail.rfind('\n');
  const size_t torn =
      end == std::string::npos ? tail.size() : tail.size() - end - 1;
  if (torn == 0) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(const int64_t size, Size());
  if (ftruncate(fd_.get(), size - static_cast<int64_t>(torn)) != 0) {
    return Failed("repair");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> AppendFile::Size() const {
  struct stat status;
  if (fstat(fd_.get(), &status) != 0) return Failed("look at");
  return static_cast<int64_t>(status.st_size);
}

absl::Status AppendFile::Failed(absl::string_view action) const {
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("cannot ", action, " ", path_));
}

}  // namespace cogdist
