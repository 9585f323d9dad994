#include "runtime/atomic_folder.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<AtomicFolder> AtomicFolder::Create(absl::string_view path,
                                                  FileSystem& file_system) {
  COG_ASSIGN_OR_RETURN(const bool taken, file_system.Exists(path));
  if (taken) {
    return absl::AlreadyExistsError(absl::StrCat(
        path, ": exists already; choose another name, or remove it first"));
  }
  for (int attempt = 0;; ++attempt) {
    std::string temporary = absl::StrCat(path, ".tmp-", getpid(), "-", attempt);
    const absl::Status made = file_system.CreateDirectory(temporary);
    if (made.ok()) {
      return AtomicFolder(path, std::move(temporary), file_system);
    }
    if (!absl::IsAlreadyExists(made)) return made;
  }
}

AtomicFolder::~AtomicFolder() {
  if (temporary_.empty()) return;
  // What cannot be removed is harmless: its name says that it is not whole.
  RemoveDirectoryAndFiles(*file_system_, temporary_).IgnoreError();
}

absl::Status AtomicFolder::Commit() {
  COG_CHECK(!temporary_.empty(), "second commit: ", path_);
  COG_RETURN_IF_ERROR(file_system_->SyncDirectory(temporary_));
  COG_RETURN_IF_ERROR(file_system_->RenameNoReplace(temporary_, path_));
  temporary_.clear();
  return file_system_->SyncDirectory(ParentDirectory(path_));
}

}  // namespace cogdist
