#include "runtime/data/utf8.h"

#include <algorithm>
#include <cstring>

namespace cogdist {
namespace {

unsigned char At(absl::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// Bytes of the character that `lead` begins; 0 if it begins none.
size_t CharacterLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// Whether `next` may follow `lead`: the second byte is where overlong forms,
// surrogates and too large values show.
bool ValidSecondByte(unsigned char lead, unsigned char next) {
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return low <= next && next <= high;
}

// Bytes from `i` that agree with a character of UTF-8, at most its length.
size_t MatchingBytes(absl::string_view text, size_t i) {
  const unsigned char lead = At(text, i);
  const size_t end = std::min(text.size(), i + CharacterLength(lead));
  if (end == i) return 0;
  size_t j = i + 1;
  if (j < end && ValidSecondByte(lead, At(text, j))) {
    for (++j; j < end && (At(text, j) & 0xC0) == 0x80;) ++j;
  }
  return j - i;
}

bool EightAsciiBytes(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return (word & 0x8080808080808080u) == 0;
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (i + 8 <= text.size() && EightAsciiBytes(text.data() + i)) {
      i += 8;
      continue;
    }
    const size_t length = CharacterLength(At(text, i));
    if (length == 0 || MatchingBytes(text, i) != length) return i;
    i += length;
  }
  return i;
}

size_t IncompleteUtf8Tail(absl::string_view text) {
  for (size_t tail = 1; tail <= std::min<size_t>(3, text.size()); ++tail) {
    const size_t i = text.size() - tail;
    if ((At(text, i) & 0xC0) == 0x80) continue;  // not a first byte
    const bool incomplete =
        CharacterLength(At(text, i)) > tail && MatchingBytes(text, i) == tail;
    return incomplete ? tail : 0;
  }
  return 0;
}

void AppendUtf8(uint32_t code_point, std::string& out) {
  const auto append = [&out](uint32_t byte) {
    out.push_back(static_cast<char>(byte));
  };
  if (code_point < 0x80) return append(code_point);
  if (code_point < 0x800) {
    append(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      append(0xE0 | code_point >> 12);
    } else {
      append(0xF0 | code_point >> 18);
      append(0x80 | (code_point >> 12 & 0x3F));
    }
    append(0x80 | (code_point >> 6 & 0x3F));
  }
  append(0x80 | (code_point & 0x3F));
}

uint32_t TakeCodePoint(absl::string_view& text) {
  const unsigned char lead = At(text, 0);
  const size_t length = CharacterLength(lead);
  uint32_t code_point = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    code_point = code_point << 6 | (At(text, i) & 0x3F);
  }
  text.remove_prefix(length);
  return code_point;
}

}  // namespace cogdist
