// GPT-2's printable names for bytes: byte-level vocabularies in JSON files
// write each byte as one visible character.

#ifndef COGDIST_RUNTIME_DATA_BYTE_LEVEL_H_
#define COGDIST_RUNTIME_DATA_BYTE_LEVEL_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cogdist {

// The character that stands for each byte: itself if it is printable and no
// space in Latin-1, else the next unused one from U+0100 on.
std::array<uint32_t, 256> ByteLevelAlphabet();

// `bytes` with each byte written as its character.
std::string ToByteLevel(absl::string_view bytes);

// The inverse; nothing if `text` is not UTF-8 or has a character that stands
// for no byte.
absl::optional<std::string> FromByteLevel(absl::string_view text);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BYTE_LEVEL_H_
