// JSON from files, as absl::Status instead of exceptions and silent repairs.

#ifndef COGDIST_RUNTIME_JSON_H_
#define COGDIST_RUNTIME_JSON_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// Parses `text`, which must be an object in which no object has a key twice
// (the library would keep the last) and which is nested no deeper than 64
// levels (it would need a hundred times its size). Errors begin with `what`,
// e.g. a path.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text,
                                               absl::string_view what);

// Copies a member into `value` if the object has it and it is of that type;
// an absent one leaves `value` as it is. Errors begin with `what`.
absl::Status ReadMember(const nlohmann::json& object, absl::string_view key,
                        absl::string_view what, std::string& value);
absl::Status ReadMember(const nlohmann::json& object, absl::string_view key,
                        absl::string_view what, int64_t& value);
absl::Status ReadMember(const nlohmann::json& object, absl::string_view key,
                        absl::string_view what, double& value);
absl::Status ReadMember(const nlohmann::json& object, absl::string_view key,
                        absl::string_view what, bool& value);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_JSON_H_
