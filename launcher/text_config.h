// Protobuf text format as people write it: strict, with messages that say where
// and what would be right.

#ifndef COGDIST_LAUNCHER_TEXT_CONFIG_H_
#define COGDIST_LAUNCHER_TEXT_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace cogdist {

// Parses `text` into `message`, which is cleared first. Unknown fields and
// scalar fields given twice are errors. InvalidArgument reads
// "FILE:LINE:COLUMN: PATH: what is wrong; what would be right", lines and
// columns from 1; `file` is only used in it.
absl::Status ParseTextConfig(absl::string_view file, absl::string_view text,
                             google::protobuf::Message& message);

// ParseTextConfig of a file's content. NotFound where there is none.
absl::Status ReadTextConfig(absl::string_view file,
                            google::protobuf::Message& message);

// The names that may be written in a message, in the schema's order.
std::vector<std::string> FieldNames(const google::protobuf::Descriptor& type);
// The values that may be written for a field of this type, in order.
std::vector<std::string> ValueNames(
    const google::protobuf::EnumDescriptor& type);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TEXT_CONFIG_H_
