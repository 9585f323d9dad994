#include "runtime/data/regex.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/check.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace cogdist {
namespace {

constexpr size_t kJitStackStart = 32 << 10;
constexpr size_t kJitStackLimit = 8 << 20;

PCRE2_SPTR Units(absl::string_view text) {
  // PCRE2 10.42 takes no null pointer, not even for an empty subject.
  return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
}

std::string ErrorText(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

RegexScratch::RegexScratch()
    : context_(pcre2_match_context_create(nullptr), pcre2_match_context_free),
      match_data_(pcre2_match_data_create(1, nullptr), pcre2_match_data_free),
      jit_stack_(
          pcre2_jit_stack_create(kJitStackStart, kJitStackLimit, nullptr),
          pcre2_jit_stack_free) {
  // Long documents may be slow, but they must not fail.
  pcre2_set_match_limit(context_.get(), UINT32_MAX);
  pcre2_set_depth_limit(context_.get(), UINT32_MAX);
  pcre2_set_heap_limit(context_.get(), UINT32_MAX);
  pcre2_jit_stack_assign(context_.get(), nullptr, jit_stack_.get());
}

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  int error = 0;
  size_t offset = 0;
  pcre2_code* code =
      pcre2_compile(Units(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                    &error, &offset, nullptr);
  if (code == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("regular expression \"",
                                                   pattern, "\", byte ", offset,
                                                   ": ", ErrorText(error)));
  }
  return Regex(code);
}

Regex::Regex(pcre2_code* code)
    : code_(code, pcre2_code_free),
      jit_(pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0) {}

bool Regex::Find(absl::string_view text, size_t start, RegexScratch& scratch,
                 Match& match) const {
  pcre2_match_data* data = scratch.match_data_.get();
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit_) {
    result = pcre2_jit_match(code_.get(), Units(text), text.size(), start, 0,
                             data, scratch.context_.get());
  }
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
    result = pcre2_match(code_.get(), Units(text), text.size(), start,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                         scratch.context_.get());
  }
  if (result == PCRE2_ERROR_NOMATCH) return false;
  // 0: more groups than the one pair that is kept.
  COG_CHECK(result >= 0, ErrorText(result));
  const size_t* range = pcre2_get_ovector_pointer(data);
  match = {range[0], range[1]};
  return true;
}

std::string EscapeRegex(absl::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (c == '\0') {
      absl::StrAppend(&pattern, "\\x00");
      continue;
    }
    if (absl::ascii_ispunct(c)) pattern.push_back('\\');
    pattern.push_back(c);
  }
  return pattern;
}

}  // namespace cogdist
