#include "parallel/checkpoint/run_owner.h"

#include <unistd.h>

#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/file.h"
#include "runtime/process.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The first line of the file.
absl::StatusOr<std::string> ReadOwner(FileSystem& files,
                                      absl::string_view run_dir) {
  COG_ASSIGN_OR_RETURN(const std::string text,
                       ReadAll(files, absl::StrCat(run_dir, "/", kOwnerName)));
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string RandomHex(int bytes) {
  std::string random(bytes, '\0');
  // Fails for more than 256 bytes only.
  COG_CHECK_EQ(getentropy(random.data(), random.size()), 0);
  return absl::BytesToHexString(random);
}

int64_t AttemptNumber(absl::string_view attempt) {
  int64_t number = 0;
  const bool found =
      absl::SimpleAtoi(attempt.substr(0, attempt.find('-')), &number);
  return found ? number : 0;
}

absl::StatusOr<std::string> TakeOwnership(FileSystem& files,
                                          absl::string_view run_dir) {
  const absl::StatusOr<std::string> former = ReadOwner(files, run_dir);
  if (!former.ok() && !absl::IsNotFound(former.status())) {
    return former.status();
  }
  const std::string attempt = absl::StrCat(
      (former.ok() ? AttemptNumber(*former) : 0) + 1, "-", RandomHex(4));
  COG_RETURN_IF_ERROR(
      WriteFileAtomically(absl::StrCat(run_dir, "/", kOwnerName),
                          absl::StrCat(attempt, "\nprocess ", ThisProcess().pid,
                                       " on ", HostName(), "\n"),
                          files));
  return attempt;
}

absl::Status CheckOwnership(FileSystem& files, absl::string_view run_dir,
                            absl::string_view attempt) {
  COG_ASSIGN_OR_RETURN(const std::string owner, ReadOwner(files, run_dir));
  if (owner == attempt) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(run_dir, "/", kOwnerName, ": attempt ", owner,
                   " of this run has taken over from this one, ", attempt,
                   ", which must not write checkpoints any more; end it"));
}

}  // namespace cogdist
