#include "runtime/data/oniguruma.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// One pass that lets through only what it knows to mean the same.
class Translator {
 public:
  explicit Translator(absl::string_view pattern)
      : pattern_(pattern), rest_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (!rest_.empty()) {
      COG_RETURN_IF_ERROR(in_class_ ? ClassItem() : Item());
    }
    if (in_class_) return Unsupported("[ without ]");
    return std::move(out_);
  }

 private:
  absl::Status Unsupported(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("regular expression \"", pattern_, "\", byte ",
                     pattern_.size() - rest_.size(), ": unsupported ", what));
  }

  void Copy(size_t bytes) {
    absl::StrAppend(&out_, rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
  }
  bool Replace(absl::string_view from, absl::string_view to) {
    if (!absl::StartsWith(rest_, from)) return false;
    absl::StrAppend(&out_, to);
    rest_.remove_prefix(from.size());
    return true;
  }

  absl::Status Item() {
    switch (rest_[0]) {
      case '\\':
        return Escape();
      case '[':
        return ClassStart();
      case '(':
        return GroupStart();
      case '{':
        return Interval();
      case '^':
      case '$':
        return Unsupported("line anchor");
      default:
        Copy(1);
        return absl::OkStatus();
    }
  }

  absl::Status ClassStart() {
    in_class_ = true;
    Copy(absl::StartsWith(rest_, "[^") ? 2 : 1);
    return absl::StartsWith(rest_, "]") ? Unsupported("empty class")
                                        : absl::OkStatus();
  }

  absl::Status ClassItem() {
    if (rest_[0] == '\\') return Escape();
    if (rest_[0] == '[') return Unsupported("class in a class");
    if (absl::StartsWith(rest_, "&&")) return Unsupported("intersection");
    if (rest_[0] == ']') in_class_ = false;
    Copy(1);
    return absl::OkStatus();
  }

  absl::Status GroupStart() {
    if (!absl::StartsWith(rest_, "(?")) {
      Copy(1);
      return absl::OkStatus();
    }
    for (const absl::string_view start :
         {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"}) {
      if (Replace(start, start)) return absl::OkStatus();
    }
    return Unsupported("group");
  }

  // {n}, {n,} and {n,m}. A + after one repeats it there and is possessive
  // here; a ? has two meanings there.
  absl::Status Interval() {
    const size_t end = rest_.find('}');
    if (end == rest_.npos || end < 2 || !absl::ascii_isdigit(rest_[1]) ||
        rest_.substr(1, end - 1).find_first_not_of("0123456789,") !=
            rest_.npos) {
      return Unsupported("interval");
    }
    const char next = end + 1 < rest_.size() ? rest_[end + 1] : '\0';
    if (next == '+' || next == '?') return Unsupported("interval suffix");
    Copy(end + 1);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    if (rest_.size() < 2) return Unsupported("escape");
    // PCRE2's \s also has U+180E, which left White_Space in Unicode 6.3.
    if (Replace("\\s", "\\p{White_Space}") ||
        Replace("\\S", "\\P{White_Space}") || Replace("\\d", "\\p{Nd}") ||
        Replace("\\D", "\\P{Nd}") || Replace("\\v", "\\x0b")) {
      return absl::OkStatus();
    }
    const char c = rest_[1];
    if (c == 'p' || c == 'P') return Property();
    if (absl::ascii_ispunct(c) || absl::StrContains("rntf", {&c, 1}) ||
        absl::StartsWith(rest_, "\\x{")) {
      Copy(2);
      if (c == 'x') Copy(rest_.find('}') + 1);
      return absl::OkStatus();
    }
    if (c == 'u' && rest_.size() >= 6) {
      absl::StrAppend(&out_, "\\x{", rest_.substr(2, 4), "}");
      rest_.remove_prefix(6);
      return absl::OkStatus();
    }
    return Unsupported("escape");
  }

  // General categories are called alike; any longer name is taken as a script,
  // which PCRE2 would otherwise extend to the characters it shares.
  absl::Status Property() {
    const size_t end = rest_.find('}');
    if (end == rest_.npos || end < 4 || rest_[2] != '{') {
      return Unsupported("property");
    }
    const absl::string_view name = rest_.substr(3, end - 3);
    const bool category = name.size() <= 2 && absl::ascii_isalpha(name[0]);
    if (!category && name[0] == '^') return Unsupported("property");
    absl::StrAppend(&out_, rest_.substr(0, 3), category ? "" : "sc:", name,
                    "}");
    rest_.remove_prefix(end + 1);
    return absl::OkStatus();
  }

  const absl::string_view pattern_;
  absl::string_view rest_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

absl::StatusOr<std::string> PatternFromOniguruma(absl::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace cogdist
