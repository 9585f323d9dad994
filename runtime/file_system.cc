#include "runtime/file_system.h"

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status UnlessGone(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace

absl::Status FileError(int error, absl::string_view action,
                       absl::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", action, " ", path));
}

absl::string_view ParentDirectory(absl::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return path.substr(0, slash == 0 ? 1 : slash);
}

absl::StatusOr<std::string> ReadAll(FileSystem& file_system,
                                    absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file,
                       file_system.OpenFile(path));
  std::string contents(static_cast<size_t>(file->size()), '\0');
  COG_RETURN_IF_ERROR(file->Read(0, absl::MakeSpan(contents)));
  return contents;
}

absl::Status RemoveDirectoryAndFiles(FileSystem& file_system,
                                     absl::string_view path) {
  const absl::StatusOr<std::vector<std::string>> names =
      file_system.ListDirectory(path);
  if (!names.ok()) return UnlessGone(names.status());
  for (const std::string& name : *names) {
    COG_RETURN_IF_ERROR(
        UnlessGone(file_system.RemoveFile(absl::StrCat(path, "/", name))));
  }
  return UnlessGone(file_system.RemoveDirectory(path));
}

}  // namespace cogdist
