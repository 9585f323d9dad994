// PTX text as words.

#ifndef COGDIST_TESTS_VGPU_PTX_LEXER_H_
#define COGDIST_TESTS_VGPU_PTX_LEXER_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace cogdist::ptx {

struct Token {
  enum class Kind {
    kWord,    // ld.shared.u32, %tid.x, $L__BB0_1, .reg, a name
    kNumber,  // 12, -0x1f, 1.5, 0f3F800000
    kString,
    kSymbol,  // one character
    kEnd,
  };
  bool Is(char symbol) const {
    return kind == Kind::kSymbol && text[0] == symbol;
  }
  bool Is(absl::string_view word) const {
    return kind == Kind::kWord && text == word;
  }

  Kind kind = Kind::kEnd;
  absl::string_view text;  // of the lexer's
  int line = 0;            // from 1
};

class Lexer {
 public:
  // `text` outlives the lexer and its tokens.
  explicit Lexer(absl::string_view text) : rest_(text) { Take(); }

  const Token& next() const { return next_; }
  // Returns next() and goes on to the token after it.
  Token Take();

 private:
  void SkipSpace();

  absl::string_view rest_;
  int line_ = 1;
  Token next_;
};

// The bits of a number: of an integer, or of a float or double as PTX writes
// them, 0f and 0d with the number's bits. False for anything else.
bool ParseBits(absl::string_view text, int64_t& bits);

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_LEXER_H_
