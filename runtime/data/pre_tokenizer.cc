#include "runtime/data/pre_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/data/oniguruma.h"
#include "runtime/data/utf8.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<PreTokenizer> PreTokenizer::Create(
    const std::vector<PreTokenizerStep>& steps) {
  PreTokenizer pre_tokenizer;
  for (const PreTokenizerStep& step : steps) {
    Step& compiled = pre_tokenizer.steps_.emplace_back(
        Step{.add_prefix_space = step.add_prefix_space,
             .split = {},
             .keep_matches = step.keep_matches,
             .keep_gaps = step.keep_gaps});
    if (step.pattern.empty()) continue;
    COG_ASSIGN_OR_RETURN(const std::string pattern,
                         PatternFromOniguruma(step.pattern));
    COG_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(pattern));
    compiled.split.push_back(std::move(regex));
  }
  return pre_tokenizer;
}

void PreTokenizer::RunFrom(size_t step, absl::string_view text,
                           RegexScratch& scratch, PieceFn fn) const {
  if (text.empty()) return;
  if (step == steps_.size()) return fn(text);
  if (steps_[step].add_prefix_space && text[0] != ' ') {
    return Split(step, absl::StrCat(" ", text), scratch, fn);
  }
  Split(step, text, scratch, fn);
}

void PreTokenizer::Split(size_t step, absl::string_view text,
                         RegexScratch& scratch, PieceFn fn) const {
  const Step& s = steps_[step];
  if (s.split.empty()) return RunFrom(step + 1, text, scratch, fn);
  size_t done = 0;
  size_t search = 0;
  Regex::Match match;
  while (search <= text.size() &&
         s.split[0].Find(text, search, scratch, match)) {
    if (s.keep_gaps) {
      RunFrom(step + 1, text.substr(done, match.begin - done), scratch, fn);
    }
    const absl::string_view matched =
        text.substr(match.begin, match.end - match.begin);
    if (s.keep_matches) RunFrom(step + 1, matched, scratch, fn);
    done = search = match.end;
    if (matched.empty()) {  // an empty match cuts, then the search moves on
      absl::string_view rest = text.substr(search);
      if (rest.empty()) break;
      TakeCodePoint(rest);
      search = text.size() - rest.size();
    }
  }
  if (s.keep_gaps) RunFrom(step + 1, text.substr(done), scratch, fn);
}

}  // namespace cogdist
