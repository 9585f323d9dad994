#include "parallel/shared_status.h"

#include "runtime/status_macros.h"

namespace cogdist {
namespace {

std::string Text(absl::string_view text) {
  return std::string(text.data(), text.size());
}

}  // namespace

absl::Status FirstError(Communicator& group, const absl::Status& mine) {
  const std::string packed =
      PackResult(mine.ok() ? absl::StatusOr<std::string>("") : mine);
  for (const std::string& other : group.AllGatherStrings(packed)) {
    COG_RETURN_IF_ERROR(UnpackResult(other).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ResultOfRank0(
    Communicator& group,
    absl::FunctionRef<absl::StatusOr<std::string>()> work) {
  return UnpackResult(group.BroadcastString(
      group.rank() == 0 ? PackResult(work()) : "", /*root=*/0));
}

// The code as one character, then the value or the message.
std::string PackResult(const absl::StatusOr<std::string>& result) {
  return std::string(1, static_cast<char>(result.status().code())) +
         (result.ok() ? *result : Text(result.status().message()));
}

absl::StatusOr<std::string> UnpackResult(absl::string_view packed) {
  const auto code = static_cast<absl::StatusCode>(packed[0]);
  packed.remove_prefix(1);
  if (code != absl::StatusCode::kOk) return absl::Status(code, packed);
  return Text(packed);
}

}  // namespace cogdist
