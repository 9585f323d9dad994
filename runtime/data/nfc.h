// Unicode normalisation form C, by ICU.

#ifndef COGDIST_RUNTIME_DATA_NFC_H_
#define COGDIST_RUNTIME_DATA_NFC_H_

#include <string>

#include "absl/strings/string_view.h"

namespace cogdist {

// `text` in NFC. Returns a view of `text` itself if it is in NFC already, else
// of `buffer`, which is overwritten. REQUIRES: `text` is valid UTF-8, at
// most 1 GiB of it.
absl::string_view ToNfc(absl::string_view text, std::string& buffer);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_NFC_H_
