#include "runtime/data/added_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/data/utf8.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Unicode's White_Space.
bool IsWhiteSpace(uint32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t SkipSpaceForward(absl::string_view text, size_t i) {
  absl::string_view rest = text.substr(i);
  while (!rest.empty() && IsWhiteSpace(TakeCodePoint(rest))) {
    i = text.size() - rest.size();
  }
  return i;
}

size_t SkipSpaceBackward(absl::string_view text, size_t i) {
  while (i > 0) {
    size_t begin = i - 1;
    while ((text[begin] & 0xC0) == 0x80) --begin;
    absl::string_view character = text.substr(begin, i - begin);
    if (!IsWhiteSpace(TakeCodePoint(character))) break;
    i = begin;
  }
  return i;
}

}  // namespace

absl::StatusOr<AddedTokens> AddedTokens::Create(
    std::vector<AddedToken> tokens) {
  AddedTokens added;
  // An alternation takes the first that fits, so the longest stands first.
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const AddedToken& a, const AddedToken& b) {
                     return a.content.size() > b.content.size();
                   });
  std::string pattern;
  for (AddedToken& token : tokens) {
    absl::StrAppend(&pattern, pattern.empty() ? "" : "|",
                    EscapeRegex(token.content));
    added.by_content_.emplace(token.content, std::move(token));
  }
  if (pattern.empty()) return added;
  COG_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(pattern));
  added.any_.push_back(std::move(regex));
  return added;
}

void AddedTokens::ForEachSegment(absl::string_view text, RegexScratch& scratch,
                                 SegmentFn fn) const {
  size_t done = 0;
  Regex::Match match{0, 0};
  while (!any_.empty() && any_[0].Find(text, match.end, scratch, match)) {
    const auto found =
        by_content_.find(text.substr(match.begin, match.end - match.begin));
    COG_CHECK(found != by_content_.end());
    const AddedToken& token = found->second;
    const size_t begin =
        token.lstrip ? std::max(done, SkipSpaceBackward(text, match.begin))
                     : match.begin;
    if (done < begin) fn(text.substr(done, begin - done), kText);
    fn(text.substr(match.begin, match.end - match.begin), token.id);
    done = token.rstrip ? SkipSpaceForward(text, match.end) : match.end;
  }
  if (done < text.size()) fn(text.substr(done), kText);
}

}  // namespace cogdist
