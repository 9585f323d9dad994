// Unicode regular expressions over UTF-8: PCRE2, compiled to machine code
// where the processor allows it.

#ifndef COGDIST_RUNTIME_DATA_REGEX_H_
#define COGDIST_RUNTIME_DATA_REGEX_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;
struct pcre2_real_jit_stack_8;

namespace cogdist {

// What a search needs beside the expression; one per thread, for any number of
// expressions.
class RegexScratch {
 public:
  RegexScratch();

 private:
  friend class Regex;
  template <typename T>
  using Handle = std::unique_ptr<T, void (*)(T*)>;

  Handle<pcre2_real_match_context_8> context_;
  Handle<pcre2_real_match_data_8> match_data_;
  Handle<pcre2_real_jit_stack_8> jit_stack_;
};

// Immutable; may be searched from several threads, each with its own scratch.
class Regex {
 public:
  struct Match {
    size_t begin;
    size_t end;
  };

  // `pattern` is PCRE2's syntax in UTF-8, with Unicode properties.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);

  // Finds the leftmost match in `text` that begins at or after `start`. All of
  // `text` is visible to assertions. REQUIRES: `text` is valid UTF-8 and
  // `start` stands between characters.
  bool Find(absl::string_view text, size_t start, RegexScratch& scratch,
            Match& match) const;

 private:
  explicit Regex(pcre2_real_code_8* code);

  std::shared_ptr<const pcre2_real_code_8> code_;
  bool jit_;
};

// A pattern that matches exactly `literal`.
std::string EscapeRegex(absl::string_view literal);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_REGEX_H_
