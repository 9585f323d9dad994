// Regular expressions as `tokenizer.json` has them: in the syntax of the
// Oniguruma library.

#ifndef COGDIST_RUNTIME_DATA_ONIGURUMA_H_
#define COGDIST_RUNTIME_DATA_ONIGURUMA_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// The PCRE2 pattern (see regex.h) that matches what `pattern` matches in
// Oniguruma's default syntax. A construct that the two understand differently,
// or might, is an error that names it and its place.
absl::StatusOr<std::string> PatternFromOniguruma(absl::string_view pattern);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_ONIGURUMA_H_
