#include "runtime/atomic_file.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

absl::Status Failed(absl::string_view action, absl::string_view path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", action, " ", path));
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::Create(absl::string_view path) {
  // O_EXCL settles who owns a name, also between machines and with what an
  // earlier process of the same id left behind.
  for (int attempt = 0;; ++attempt) {
    std::string temporary = absl::StrCat(path, ".tmp-", getpid(), "-", attempt);
    UniqueFd fd(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd.valid()) {
      return AtomicFile(path, std::move(temporary), std::move(fd));
    }
    if (errno != EEXIST) return Failed("write", path);
  }
}

AtomicFile::~AtomicFile() {
  if (fd_.valid()) unlink(temporary_.c_str());
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  COG_CHECK(fd_.valid(), "append after commit: ", path_);
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    COG_RETURN_IF_ERROR(Write(buffer_));
    buffer_.clear();
  }
  if (bytes.size() > kBufferBytes) return Write(bytes);
  buffer_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  COG_CHECK(fd_.valid(), "second commit: ", path_);
  COG_RETURN_IF_ERROR(Write(buffer_));
  if (fsync(fd_.get()) != 0) return Failed("sync", path_);
  COG_RETURN_IF_ERROR(Rename(temporary_, path_));
  // Some network file systems report a failed write only here.
  if (close(fd_.Release()) != 0) return Failed("close", path_);
  return SyncParentDirectory(path_);
}

absl::Status AtomicFile::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("write", path_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
