// The file system as checkpoints need it: a seam, so that a test can stop the
// program after any call, lose what was not synced, fill the disk or slow it.
//
// What a crash of the machine leaves. A file's contents and its name become
// durable separately:
//   WritableFile::Sync()  the contents and the length of this file, not its
//   name; SyncDirectory()       the names in this folder (made, renamed,
//   removed), not
//                         the contents of the files and not the folder's own
//                         name, which is its parent's.
// Whatever was not synced may survive whole, in part, in another order, or not
// at all. So a file that must survive is written, synced, closed, and its
// folder is synced; a new folder's parent, too. A crash of this process alone
// loses nothing that a call has done, but for what a WritableFile has not
// passed on.
//
// Errors carry the system's code (NotFound, AlreadyExists, PermissionDenied,
// for a full disk ResourceExhausted) and name the path and the cause. A call
// that failed has changed nothing unless its comment says otherwise.
//
// Paths are as the system takes them. Threads may share a FileSystem.

#ifndef COGDIST_RUNTIME_FILE_SYSTEM_H_
#define COGDIST_RUNTIME_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace cogdist {

// A new file that grows at its end. One thread at a time. After an error, a
// part of what was appended may be in the file, and every later call returns
// the same error: the system reports a failed write once, and a second Sync()
// that succeeded would promise bytes that are lost.
class WritableFile {
 public:
  // A file that was not closed stays, with any part of its contents.
  virtual ~WritableFile() = default;

  // All of `bytes`. They may stay in memory until Sync() or Close(), so a full
  // disk may show only there. Small pieces cost no system call each.
  virtual absl::Status Append(absl::string_view bytes) = 0;

  // Makes what was appended durable: contents and length, not the name.
  virtual absl::Status Sync() = 0;

  // Passes on what is still in memory; others see the whole file from here on.
  // Makes nothing durable. Nothing may be called after it.
  virtual absl::Status Close() = 0;
};

// An open file; renaming or removing its name does not change it. Threads may
// share it.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;

  // In bytes, when it was opened.
  virtual int64_t size() const = 0;

  // Fills `bytes` from `offset`. DataLoss if the file ends before.
  virtual absl::Status Read(int64_t offset, absl::Span<char> bytes) const = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A new, empty file. AlreadyExists if anything has this name: of several
  // processes that try, one succeeds.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> CreateFile(
      absl::string_view path) = 0;

  // InvalidArgument for a folder.
  virtual absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
      absl::string_view path) = 0;

  // Whether anything has this name. An error if that cannot be said.
  virtual absl::StatusOr<bool> Exists(absl::string_view path) = 0;

  // One folder, in one that exists; AlreadyExists as CreateFile.
  virtual absl::Status CreateDirectory(absl::string_view path) = 0;

  // The names in a folder, in the order of their bytes.
  virtual absl::StatusOr<std::vector<std::string>> ListDirectory(
      absl::string_view path) = 0;

  // Moves a name within one file system; an existing file at `to` (of a folder:
  // an existing empty folder) is replaced. Others see the old or the new state.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;

  // Likewise, but AlreadyExists if anything is at `to`, decided by the system:
  // of several processes that try, one succeeds.
  virtual absl::Status RenameNoReplace(absl::string_view from,
                                       absl::string_view to) = 0;

  virtual absl::Status RemoveFile(absl::string_view path) = 0;

  // An empty one.
  virtual absl::Status RemoveDirectory(absl::string_view path) = 0;

  // Makes the names in this folder durable, and that others are gone.
  virtual absl::Status SyncDirectory(absl::string_view path) = 0;
};

// The error of a call that set errno to `error`: "cannot ACTION PATH: cause".
absl::Status FileError(int error, absl::string_view action,
                       absl::string_view path);

// "a/b" of "a/b/c", "/" of "/a", "." of "a".
absl::string_view ParentDirectory(absl::string_view path);

// The whole contents of a file that fits in memory.
absl::StatusOr<std::string> ReadAll(FileSystem& file_system,
                                    absl::string_view path);

// Removes a folder and the files in it; folders inside are an error. What is
// gone already is fine, so that after a crash, or beside another process that
// does the same, it can be done again. Nothing of it is durable.
absl::Status RemoveDirectoryAndFiles(FileSystem& file_system,
                                     absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_FILE_SYSTEM_H_
