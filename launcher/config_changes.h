// A run that goes on with another configuration than its checkpoint's: what has
// changed, and what must not.

#ifndef COGDIST_LAUNCHER_CONFIG_CHANGES_H_
#define COGDIST_LAUNCHER_CONFIG_CHANGES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// OK if each of `fields`, values of --allow_change, is a field that must match
// or lies in one: model, data, batch.global_batch_size (also without "batch."),
// optimizer, seed.
absl::Status CheckAllowedChanges(absl::Span<const std::string> fields);

// One line for each field that differs: "NAME: before -> now". InvalidArgument
// if one that must match is among them and not in `allowed`; it names all such
// fields with both values. `before`: that of the checkpoint at `path`; fields
// that its program did not know have their defaults. Both were resolved.
absl::StatusOr<std::vector<std::string>> ConfigChanges(
    RunConfig before, const RunConfig& now,
    absl::Span<const std::string> allowed, absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONFIG_CHANGES_H_
