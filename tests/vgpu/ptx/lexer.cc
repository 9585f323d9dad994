#include "tests/vgpu/ptx/lexer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace cogdist::ptx {
namespace {

bool StartsWord(char c) {
  return absl::ascii_isalpha(c) || c == '_' || c == '$' || c == '%' || c == '.';
}
bool ContinuesWord(char c) { return StartsWord(c) || absl::ascii_isdigit(c); }

bool StartsNumber(absl::string_view text) {
  if (text[0] == '-') text.remove_prefix(1);
  return !text.empty() && absl::ascii_isdigit(text[0]);
}

size_t WordLength(absl::string_view text) {
  size_t i = 1;
  while (i < text.size() && ContinuesWord(text[i])) ++i;
  return i;
}

}  // namespace

void Lexer::SkipSpace() {
  while (!rest_.empty()) {
    size_t length = 0;
    if (absl::ascii_isspace(rest_[0])) {
      length = 1;
    } else if (absl::StartsWith(rest_, "//")) {
      length = std::min(rest_.find('\n'), rest_.size());
    } else if (absl::StartsWith(rest_, "/*")) {
      length = std::min(rest_.find("*/", 2), rest_.size() - 2) + 2;
    } else {
      return;
    }
    line_ += std::count(rest_.begin(), rest_.begin() + length, '\n');
    rest_.remove_prefix(length);
  }
}

Token Lexer::Take() {
  const Token taken = next_;
  SkipSpace();
  size_t length = 1;
  if (rest_.empty()) {
    next_ = {Token::Kind::kEnd, "the end of the file", line_};
    return taken;
  }
  if (StartsNumber(rest_)) {
    next_.kind = Token::Kind::kNumber;
    length = WordLength(rest_);
  } else if (StartsWord(rest_[0])) {
    next_.kind = Token::Kind::kWord;
    length = WordLength(rest_);
  } else if (rest_[0] == '"') {
    next_.kind = Token::Kind::kString;
    length = std::min(rest_.find('"', 1), rest_.size() - 1) + 1;
  } else {
    next_.kind = Token::Kind::kSymbol;
  }
  next_.text = rest_.substr(0, length);
  next_.line = line_;
  rest_.remove_prefix(length);
  return taken;
}

bool ParseBits(absl::string_view text, int64_t& bits) {
  uint64_t magnitude = 0;
  const absl::string_view prefix = text.substr(0, 2);
  if (prefix == "0f" || prefix == "0F" || prefix == "0d" || prefix == "0D") {
    if (!absl::SimpleHexAtoi(text.substr(2), &magnitude)) return false;
    bits = static_cast<int64_t>(magnitude);
    return true;
  }
  const bool negative = absl::ConsumePrefix(&text, "-");
  const bool hexadecimal = absl::ConsumePrefix(&text, "0x");
  if (!(hexadecimal ? absl::SimpleHexAtoi(text, &magnitude)
                    : absl::SimpleAtoi(text, &magnitude))) {
    return false;
  }
  bits = static_cast<int64_t>(negative ? -magnitude : magnitude);
  return true;
}

}  // namespace cogdist::ptx
