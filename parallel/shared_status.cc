#include "parallel/shared_status.h"

#include <string>

namespace cogdist {

absl::Status FirstError(Communicator& group, const absl::Status& mine) {
  // The code as one character, then the message.
  std::string text(1, static_cast<char>(mine.code()));
  text.append(mine.message().data(), mine.message().size());
  for (const std::string& status : group.AllGatherStrings(text)) {
    const auto code = static_cast<absl::StatusCode>(status[0]);
    if (code != absl::StatusCode::kOk) {
      return absl::Status(code, absl::string_view(status).substr(1));
    }
  }
  return absl::OkStatus();
}

}  // namespace cogdist
