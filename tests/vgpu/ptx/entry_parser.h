// The part of the parser that reads one kernel.

#ifndef COGDIST_TESTS_VGPU_PTX_ENTRY_PARSER_H_
#define COGDIST_TESTS_VGPU_PTX_ENTRY_PARSER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tests/vgpu/ptx/lexer.h"
#include "tests/vgpu/ptx/program.h"

namespace cogdist::ptx {

// The file that is read, for errors and reports.
class Source {
 public:
  Source(std::string file, absl::string_view text);

  simt::CodeOffset PlaceOf(int line) const { return first_line_ + line; }
  // "FILE:LINE: unknown WHAT 'token'".
  absl::Status Unknown(absl::string_view what, const Token& token) const;
  // Takes a token, which has to be this one.
  absl::Status Expect(Lexer& lexer, char symbol) const;

 private:
  std::string file_;
  simt::CodeOffset first_line_;
};

// What follows the word .entry. `shared`: names of variables at address 0 of
// shared memory.
absl::StatusOr<Entry> ParseEntry(Lexer& lexer, const Source& source,
                                 absl::Span<const absl::string_view> shared);

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_ENTRY_PARSER_H_
