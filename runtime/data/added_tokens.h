// Added tokens: strings such as <|endoftext|> that are cut out of a text
// before BPE sees it.

#ifndef COGDIST_RUNTIME_DATA_ADDED_TOKENS_H_
#define COGDIST_RUNTIME_DATA_ADDED_TOKENS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/bpe_definition.h"
#include "runtime/data/regex.h"

namespace cogdist {

// Immutable; usable from several threads, each with its own scratch.
class AddedTokens {
 public:
  // `id` is a token's, or kText for the text between tokens.
  static constexpr int32_t kText = -1;
  using SegmentFn = absl::FunctionRef<void(absl::string_view text, int32_t id)>;

  static absl::StatusOr<AddedTokens> Create(std::vector<AddedToken> tokens);

  // Calls `fn` for each token in `text` and each stretch between them, in
  // order. Of tokens that begin at the same place the longest is taken.
  // REQUIRES: `text` is valid UTF-8.
  void ForEachSegment(absl::string_view text, RegexScratch& scratch,
                      SegmentFn fn) const;

 private:
  std::vector<Regex> any_;  // one that matches any token, or none
  absl::flat_hash_map<std::string, AddedToken> by_content_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_ADDED_TOKENS_H_
