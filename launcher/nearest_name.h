// "Did you mean ...?": the known name closest to what somebody typed.

#ifndef COGDIST_LAUNCHER_NEAREST_NAME_H_
#define COGDIST_LAUNCHER_NEAREST_NAME_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace cogdist {

// Levenshtein distance: the least number of characters to insert, delete or
// replace to turn `a` into `b`. Upper and lower case count as equal, and so do
// '-' and '_'.
int EditDistance(absl::string_view a, absl::string_view b);

// The name with the smallest distance to `typed`, the first one where several
// are as near; empty when `names` is.
std::string NearestName(absl::string_view typed,
                        absl::Span<const std::string> names);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_NEAREST_NAME_H_
