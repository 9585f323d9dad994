#include "launcher/exit_code.h"

#include <ostream>

#include "absl/strings/str_cat.h"

namespace cogdist {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kBadInput;
    default:
      return ExitCode::kFailed;
  }
}

absl::Status WhileRunning(const absl::Status& status) {
  if (ExitCodeOf(status) != ExitCode::kBadInput) return status;
  return absl::AbortedError(status.message());
}

ExitCode ReportError(const absl::Status& status, std::ostream& err) {
  if (!status.ok()) {
    // In one piece: other ranks may be writing, too.
    err << absl::StrCat("cogdist: error: ", status.message(), "\n")
        << std::flush;
  }
  return ExitCodeOf(status);
}

}  // namespace cogdist
