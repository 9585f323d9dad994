#include "runtime/atomic_file.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<AtomicFile> AtomicFile::Create(absl::string_view path,
                                              FileSystem& file_system) {
  // CreateFile() settles who owns a name, also between machines and with what
  // an earlier process of the same id left behind.
  for (int attempt = 0;; ++attempt) {
    std::string temporary = absl::StrCat(path, ".tmp-", getpid(), "-", attempt);
    auto file = file_system.CreateFile(temporary);
    if (file.ok()) {
      return AtomicFile(path, std::move(temporary), file_system,
                        *std::move(file));
    }
    if (!absl::IsAlreadyExists(file.status())) return file.status();
  }
}

AtomicFile::~AtomicFile() {
  // A file that cannot be removed is harmless: nobody reads it.
  if (file_ != nullptr) file_system_->RemoveFile(temporary_).IgnoreError();
}

absl::Status AtomicFile::Commit() {
  COG_CHECK(file_ != nullptr, "second commit: ", path_);
  COG_RETURN_IF_ERROR(file_->Sync());
  COG_RETURN_IF_ERROR(file_->Close());
  COG_RETURN_IF_ERROR(file_system_->Rename(temporary_, path_));
  file_ = nullptr;
  return file_system_->SyncDirectory(ParentDirectory(path_));
}

}  // namespace cogdist
