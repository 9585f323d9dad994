// Pre-tokenizing: cutting text into the pieces (about words) inside which BPE
// merges bytes.

#ifndef COGDIST_RUNTIME_DATA_PRE_TOKENIZER_H_
#define COGDIST_RUNTIME_DATA_PRE_TOKENIZER_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/regex.h"

namespace cogdist {

// GPT-2's pieces: contractions, runs of letters, numbers or other characters
// with one space before them, and white space that does not end in a word.
inline constexpr absl::string_view kGpt2Pattern =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// One step of a pre-tokenizer. The fields are what a step does to each piece
// of the step before, in their order.
struct PreTokenizerStep {
  // Puts a space in front unless there is one.
  bool add_prefix_space = false;
  // If not empty, an expression in Oniguruma's syntax that cuts the piece into
  // its matches and the gaps between them, of which these are kept:
  std::string pattern;
  bool keep_matches = true;
  bool keep_gaps = true;
};

// Immutable; usable from several threads, each with its own scratch.
class PreTokenizer {
 public:
  using PieceFn = absl::FunctionRef<void(absl::string_view)>;

  static absl::StatusOr<PreTokenizer> Create(
      const std::vector<PreTokenizerStep>& steps);

  // Calls `fn` for every piece, in order; none is empty. A piece is valid only
  // during the call. REQUIRES: `text` is valid UTF-8.
  void ForEachPiece(absl::string_view text, RegexScratch& scratch,
                    PieceFn fn) const {
    RunFrom(0, text, scratch, fn);
  }

 private:
  struct Step {
    bool add_prefix_space;
    std::vector<Regex> split;  // none or one
    bool keep_matches;
    bool keep_gaps;
  };

  void RunFrom(size_t step, absl::string_view text, RegexScratch& scratch,
               PieceFn fn) const;
  void Split(size_t step, absl::string_view text, RegexScratch& scratch,
             PieceFn fn) const;

  std::vector<Step> steps_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_PRE_TOKENIZER_H_
