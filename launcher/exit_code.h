// How the process ends: the exit codes that scripts and job schedulers rely on,
// and the one place that prints errors.

#ifndef COGDIST_LAUNCHER_EXIT_CODE_H_
#define COGDIST_LAUNCHER_EXIT_CODE_H_

#include <iosfwd>

#include "absl/status/status.h"

namespace cogdist {

enum class ExitCode : int {
  kDone = 0,
  // Failed while running; a restart may help.
  kFailed = 1,
  // Bad usage, configuration or input, found before any work starts. The
  // message names the file, line, field or flag and what would be right.
  kBadInput = 2,
  // Stopped by request after a checkpoint was written: start again to go on.
  kStopped = 75,
  // Stopped for good (non-finite policy, no progress): do not requeue.
  kGaveUp = 93,
};

// The exit code of a status: kDone for OK; kBadInput for what the user has to
// change (InvalidArgument, NotFound, FailedPrecondition, OutOfRange,
// AlreadyExists, PermissionDenied, Unimplemented); kFailed for the rest.
ExitCode ExitCodeOf(const absl::Status& status);

// An error of work that has begun: kFailed, whatever kind of error it is. OK
// stays OK.
absl::Status WhileRunning(const absl::Status& status);

// Prints "cogdist: error: MESSAGE" to `err` unless `status` is OK, and returns
// its exit code.
ExitCode ReportError(const absl::Status& status, std::ostream& err);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_EXIT_CODE_H_
