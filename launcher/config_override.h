// `--set PATH=VALUE`: any field of a configuration from the command line.

#ifndef COGDIST_LAUNCHER_CONFIG_OVERRIDE_H_
#define COGDIST_LAUNCHER_CONFIG_OVERRIDE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"

namespace cogdist {

// Sets one field of `config`. `assignment` is "PATH=VALUE" with a path of field
// names: "model.cogformer.num_layers=8". A number after a list is an index, and
// an index equal to its length appends: "data.train.0.prefix=x". "PATH=[]"
// clears a list. Enums are written by name, strings without quotes, booleans
// as true or false. InvalidArgument names the part of the path, or the value,
// that is wrong, and what is expected; `config` may then be half changed.
absl::Status ApplyOverride(absl::string_view assignment,
                           google::protobuf::Message& config);

// ApplyOverride in order, so that a later one wins; stops at the first error.
absl::Status ApplyOverrides(absl::Span<const std::string> assignments,
                            google::protobuf::Message& config);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONFIG_OVERRIDE_H_
