// One string out of a JSON object, without building the object.

#ifndef COGDIST_RUNTIME_DATA_JSON_FIELD_H_
#define COGDIST_RUNTIME_DATA_JSON_FIELD_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// Sets `value` to the string in field `name` of the object `json`; fields of
// objects inside it do not count. InvalidArgument if this is no JSON object,
// or if the field is missing, there twice, or no string.
absl::Status ReadJsonField(absl::string_view json, absl::string_view name,
                           std::string& value);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_JSON_FIELD_H_
