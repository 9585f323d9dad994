// The FileSystem of the machine: local disks and what is mounted.

#ifndef COGDIST_RUNTIME_POSIX_FILE_SYSTEM_H_
#define COGDIST_RUNTIME_POSIX_FILE_SYSTEM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"
#include "runtime/unique_fd.h"

namespace cogdist {

// The only one; it has no state. New files and folders get the permissions that
// the umask leaves. Sync() is fsync(2). Where folders cannot be synced (some
// network file systems), their names are durable without it.
FileSystem& PosixFileSystem();

// RenameNoReplace() on file systems that do not have it, such as NFS. For a
// file it is as strict; a crash may leave both names. For a folder, what exists
// is looked for first, so an empty folder that another process makes at that
// moment is replaced; anything else is never.
absl::Status RenameNoReplaceByHand(absl::string_view from,
                                   absl::string_view to);

struct OpenedFile {
  UniqueFd fd;
  int64_t size = 0;  // 0 for pipes and what is in /proc
};

// InvalidArgument for a folder.
absl::StatusOr<OpenedFile> OpenForReading(absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_POSIX_FILE_SYSTEM_H_
