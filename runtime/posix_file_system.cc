#include "runtime/posix_file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
// What is written to a large file goes on to the disk in pieces of this size.
constexpr int64_t kWriteBehindBytes = 8 << 20;

absl::Status RenameError(int error, absl::string_view from,
                         absl::string_view to) {
  return FileError(error, absl::StrCat("rename ", from, " to"), to);
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(absl::string_view path, UniqueFd fd)
      : path_(path), fd_(std::move(fd)) {}

  absl::Status Append(absl::string_view bytes) override {
    COG_CHECK(fd_.valid(), "append after close: ", path_);
    if (buffer_.size() + bytes.size() > kBufferBytes) Flush();
    if (bytes.size() > kBufferBytes) {
      Write(bytes);
    } else {
      buffer_.append(bytes.data(), bytes.size());
    }
    return status_;
  }

  absl::Status Sync() override {
    COG_CHECK(fd_.valid(), "sync after close: ", path_);
    Flush();
    if (status_.ok() && fsync(fd_.get()) != 0) Fail(errno, "sync");
    return status_;
  }

  absl::Status Close() override {
    COG_CHECK(fd_.valid(), "second close: ", path_);
    Flush();
    // Some network file systems report a failed write only here. EINTR says
    // that the descriptor is closed as well.
    if (close(fd_.Release()) != 0 && errno != EINTR) Fail(errno, "close");
    return status_;
  }

 private:
  void Flush() {
    Write(buffer_);
    buffer_.clear();
  }

  void Write(absl::string_view bytes) {
    while (status_.ok() && !bytes.empty()) {
      const ssize_t n = write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Fail(n < 0 ? errno : EIO, "write");
      bytes.remove_prefix(static_cast<size_t>(n));
      written_ += n;
      if (written_ - begun_ >= kWriteBehindBytes) WriteBehind();
    }
  }

  // Has the disk begin with the piece that is complete, while the caller makes
  // the next, and drops the piece before from the system's cache once it is on
  // the disk: of a file as large as memory the cache holds two pieces, and
  // Sync() finds little left to do.
  void WriteBehind() {
    const int64_t before = begun_ - kWriteBehindBytes;
    bool done = StartWriting(begun_, SYNC_FILE_RANGE_WRITE);
    if (done && before >= 0) {
      done = StartWriting(before, SYNC_FILE_RANGE_WAIT_BEFORE |
                                      SYNC_FILE_RANGE_WRITE |
                                      SYNC_FILE_RANGE_WAIT_AFTER);
      posix_fadvise(fd_.get(), before, kWriteBehindBytes, POSIX_FADV_DONTNEED);
    }
    // Without it all is left to Sync().
    begun_ =
        done ? begun_ + kWriteBehindBytes : std::numeric_limits<int64_t>::max();
  }

  // False where the file system has no such call.
  bool StartWriting(int64_t offset, unsigned flags) {
    if (sync_file_range(fd_.get(), offset, kWriteBehindBytes, flags) == 0)
      return true;
    // A failed write is reported once, so this may be the only time.
    if (errno != EINVAL && errno != ENOSYS && errno != ESPIPE) {
      Fail(errno, "write");
    }
    return false;
  }

  // The first error is the cause of those that follow.
  void Fail(int error, absl::string_view action) {
    if (status_.ok()) status_ = FileError(error, action, path_);
  }

  const std::string path_;
  UniqueFd fd_;  // not valid once closed
  std::string buffer_;
  int64_t written_ = 0;  // bytes that the system has
  int64_t begun_ = 0;    // of them, those that WriteBehind() has dealt with
  absl::Status status_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(absl::string_view path, OpenedFile file)
      : path_(path), file_(std::move(file)) {}

  int64_t size() const override { return file_.size; }

  absl::Status Read(int64_t offset, absl::Span<char> bytes) const override {
    while (!bytes.empty()) {
      const ssize_t n =
          pread(file_.fd.get(), bytes.data(), bytes.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FileError(errno, "read", path_);
      if (n == 0) return EndsEarly(offset, bytes.size());
      offset += n;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status EndsEarly(int64_t offset, size_t bytes) const {
    return absl::DataLossError(absl::StrCat(path_, " is too short: ", bytes,
                                            " bytes are missing at ", offset));
  }

  const std::string path_;
  const OpenedFile file_;
};

// Only calls of the system, so one object serves all threads.
class Posix final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> CreateFile(
      absl::string_view path) override {
    UniqueFd fd(open(std::string(path).c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd.valid()) return FileError(errno, "create", path);
    return std::make_unique<PosixWritableFile>(path, std::move(fd));
  }

  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
      absl::string_view path) override {
    COG_ASSIGN_OR_RETURN(OpenedFile file, OpenForReading(path));
    return std::make_unique<PosixReadableFile>(path, std::move(file));
  }

  absl::StatusOr<bool> Exists(absl::string_view path) override {
    struct stat info;
    if (stat(std::string(path).c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return FileError(errno, "look for", path);
  }

  absl::Status CreateDirectory(absl::string_view path) override {
    if (mkdir(std::string(path).c_str(), 0777) == 0) return absl::OkStatus();
    return FileError(errno, "make the folder", path);
  }

  absl::StatusOr<std::vector<std::string>> ListDirectory(
      absl::string_view path) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(std::string(path), error), end;
         !error && it != end; it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error) return FileError(error.value(), "list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    const int failed =
        rename(std::string(from).c_str(), std::string(to).c_str());
    return failed == 0 ? absl::OkStatus() : RenameError(errno, from, to);
  }

  absl::Status RenameNoReplace(absl::string_view from,
                               absl::string_view to) override {
    const int failed = renameat2(AT_FDCWD, std::string(from).c_str(), AT_FDCWD,
                                 std::string(to).c_str(), RENAME_NOREPLACE);
    if (failed == 0) return absl::OkStatus();
    // A file system without it says EINVAL, a kernel ENOSYS.
    if (errno == EINVAL || errno == ENOSYS) {
      return RenameNoReplaceByHand(from, to);
    }
    return RenameError(errno, from, to);
  }

  absl::Status RemoveFile(absl::string_view path) override {
    if (unlink(std::string(path).c_str()) == 0) return absl::OkStatus();
    return FileError(errno, "remove", path);
  }

  absl::Status RemoveDirectory(absl::string_view path) override {
    if (rmdir(std::string(path).c_str()) == 0) return absl::OkStatus();
    return FileError(errno, "remove the folder", path);
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    const UniqueFd fd(
        open(std::string(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return FileError(errno, "open the folder", path);
    if (fsync(fd.get()) == 0 || errno == EINVAL) return absl::OkStatus();
    return FileError(errno, "sync the folder", path);
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix posix;
  return posix;
}

absl::Status RenameNoReplaceByHand(absl::string_view from,
                                   absl::string_view to) {
  const std::string old_name(from), new_name(to);
  struct stat info;
  if (lstat(old_name.c_str(), &info) != 0) return RenameError(errno, from, to);
  if (!S_ISDIR(info.st_mode)) {
    // link() never replaces.
    if (link(old_name.c_str(), new_name.c_str()) != 0 ||
        unlink(old_name.c_str()) != 0) {
      return RenameError(errno, from, to);
    }
    return absl::OkStatus();
  }
  if (lstat(new_name.c_str(), &info) == 0) return RenameError(EEXIST, from, to);
  if (rename(old_name.c_str(), new_name.c_str()) == 0) return absl::OkStatus();
  // Made since then.
  const bool taken = errno == ENOTEMPTY || errno == ENOTDIR;
  return RenameError(taken ? EEXIST : errno, from, to);
}

absl::StatusOr<OpenedFile> OpenForReading(absl::string_view path) {
  UniqueFd fd(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FileError(errno, "open", path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FileError(errno, "examine", path);
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a folder; a file is needed"));
  }
  return OpenedFile{.fd = std::move(fd), .size = info.st_size};
}

}  // namespace cogdist
