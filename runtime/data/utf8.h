// UTF-8 as text in files and token streams needs it: where it stops being
// valid, and where a stream of bytes ends inside a character.

#ifndef COGDIST_RUNTIME_DATA_UTF8_H_
#define COGDIST_RUNTIME_DATA_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cogdist {

// Bytes in the longest prefix of `text` that is valid UTF-8 (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF) and ends between
// characters; text.size() if all of it is valid.
size_t ValidUtf8Prefix(absl::string_view text);

// Bytes at the end of `text` (0 to 3) that begin a character without ending
// it: more bytes could complete them. A program that prints generated tokens
// keeps these back until the next token arrives.
size_t IncompleteUtf8Tail(absl::string_view text);

// Appends `code_point` in UTF-8. REQUIRES: a Unicode scalar value.
void AppendUtf8(uint32_t code_point, std::string& out);

// The code point at the front of `text`, removed from it.
// REQUIRES: `text` is valid UTF-8 and not empty.
uint32_t TakeCodePoint(absl::string_view& text);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_UTF8_H_
