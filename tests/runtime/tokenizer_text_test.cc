// The parts below the tokenizers: UTF-8, byte-level names, expressions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/data/byte_level.h"
#include "runtime/data/nfc.h"
#include "runtime/data/oniguruma.h"
#include "runtime/data/pre_tokenizer.h"
#include "runtime/data/regex.h"
#include "runtime/data/stable_hash.h"
#include "runtime/data/utf8.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Utf8, EveryCharacterIsValidAndComesBack) {
  for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 17) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(c, text);
    ASSERT_EQ(ValidUtf8Prefix(text), text.size()) << c;
    ASSERT_EQ(IncompleteUtf8Tail(text), 0) << c;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(ValidUtf8Prefix(text.substr(0, cut)), 0) << c;
      ASSERT_EQ(IncompleteUtf8Tail(absl::StrCat("x", text.substr(0, cut))), cut)
          << c;
    }
    absl::string_view view = text;
    ASSERT_EQ(TakeCodePoint(view), c);
    ASSERT_TRUE(view.empty());
  }
}

TEST(Utf8, DamageIsFoundWhereItBegins) {
  const char* const damaged[] = {"\x80",
                                 "\xBF",
                                 "\xC0\x80",
                                 "\xC1\xBF",
                                 "\xE0\x9F\xBF",
                                 "\xED\xA0\x80",
                                 "\xF0\x8F\xBF\xBF",
                                 "\xF4\x90\x80\x80",
                                 "\xF5",
                                 "\xFF",
                                 "\xC3(",
                                 "\xE2\x82("};
  for (const absl::string_view bad : damaged) {
    const std::string text = absl::StrCat("0123456789 \xC3\xA4", bad, "z");
    EXPECT_EQ(ValidUtf8Prefix(text), 13);
    EXPECT_EQ(IncompleteUtf8Tail(text), 0);
  }
  EXPECT_EQ(IncompleteUtf8Tail("\xED\xA0"), 0);  // a surrogate cannot complete
  EXPECT_EQ(IncompleteUtf8Tail(""), 0);
}

TEST(ByteLevel, RoundTripAndKnownNames) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(FromByteLevel(ToByteLevel(all)), all);
  EXPECT_EQ(ToByteLevel(" the\n"), "ĠtheĊ");
  EXPECT_EQ(ToByteLevel(absl::string_view("\0\xAD\x7F", 3)), "ĀŃġ");
  EXPECT_EQ(FromByteLevel("a b"), absl::nullopt);
  EXPECT_EQ(FromByteLevel("漢"), absl::nullopt);
  EXPECT_EQ(FromByteLevel("\xFF"), absl::nullopt);
}

TEST(Nfc, ComposesAndLeavesTheRestAlone) {
  std::string buffer;
  EXPECT_EQ(ToNfc("A\u030A e\u0301", buffer), "\u00C5 \u00E9");
  EXPECT_EQ(ToNfc("\u212B", buffer), "\u00C5");
  const absl::string_view plain = "plain \u00C5";
  EXPECT_EQ(ToNfc(plain, buffer).data(), plain.data());
}

TEST(StableHash, NeverChanges) {
  // Changing these moves documents between training and validation.
  EXPECT_EQ(StableHash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(StableHash("a"), StableHash("a"));
  EXPECT_NE(StableHash("a"), StableHash("a", 1));
  EXPECT_NE(StableHash("ab"), StableHash("ba"));
}

std::vector<std::string> Pieces(const PreTokenizerStep& step,
                                absl::string_view text) {
  const auto pre_tokenizer = PreTokenizer::Create({step});
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status();
  RegexScratch scratch;
  std::vector<std::string> pieces;
  pre_tokenizer->ForEachPiece(text, scratch, [&](absl::string_view piece) {
    pieces.emplace_back(piece);
  });
  return pieces;
}

TEST(PreTokenizer, Gpt2Pattern) {
  const PreTokenizerStep gpt2 = {.pattern = std::string(kGpt2Pattern)};
  EXPECT_THAT(Pieces(gpt2, "it's  42 über-漢字!\n\n x "),
              ElementsAre("it", "'s", " ", " 42", " über", "-", "漢字", "!",
                          "\n\n", " x", " "));
  EXPECT_THAT(Pieces(gpt2, "IT'S"), ElementsAre("IT", "'", "S"));
  // U+00A0 is white space, U+180E and U+200B are not.
  EXPECT_THAT(Pieces(gpt2, "a\u00A0b"), ElementsAre("a", "\u00A0", "b"));
  EXPECT_THAT(Pieces(gpt2, "a \u180E"), ElementsAre("a", " \u180E"));
  EXPECT_THAT(Pieces(gpt2, ""), ElementsAre());
}

TEST(PreTokenizer, StepsKeepWhatTheySay) {
  PreTokenizerStep step = {.pattern = "b+"};
  EXPECT_THAT(Pieces(step, "abbcb"), ElementsAre("a", "bb", "c", "b"));
  step.keep_matches = false;
  EXPECT_THAT(Pieces(step, "abbcb"), ElementsAre("a", "c"));
  step = {.pattern = "b+", .keep_gaps = false};
  EXPECT_THAT(Pieces(step, "abbcb"), ElementsAre("bb", "b"));
  step = {.add_prefix_space = true};
  EXPECT_THAT(Pieces(step, "ab"), ElementsAre(" ab"));
  EXPECT_THAT(Pieces(step, " ab"), ElementsAre(" ab"));
  step = {.pattern = "b*"};  // empty matches cut
  EXPECT_THAT(Pieces(step, "aäbb"), ElementsAre("a", "ä", "bb"));
}

TEST(PreTokenizer, LongRunsAreNoProblem) {
  const PreTokenizerStep gpt2 = {.pattern = std::string(kGpt2Pattern)};
  const std::string spaces(1 << 22, ' ');
  EXPECT_EQ(Pieces(gpt2, spaces + "x").size(), 2);
  EXPECT_EQ(Pieces(gpt2, std::string(1 << 22, 'x')).size(), 1);
  // A group that is repeated millions of times needs the slow matcher.
  EXPECT_EQ(Pieces({.pattern = "(?:a|b)+c?"}, std::string(1 << 20, 'a')).size(),
            1);
}

TEST(Oniguruma, WhatIsTranslated) {
  EXPECT_EQ(PatternFromOniguruma(R"(\s\S\d\D[^\s\p{L}]\v)").value(),
            R"(\p{White_Space}\P{White_Space}\p{Nd}\P{Nd})"
            R"([^\p{White_Space}\p{L}]\x0b)");
  EXPECT_EQ(PatternFromOniguruma(R"(\p{Han}\P{Lu}\u4e00\x{41})").value(),
            R"(\p{sc:Han}\P{Lu}\x{4e00}\x{41})");
  EXPECT_EQ(PatternFromOniguruma(R"((?i:'s)|a{1,3}|(?!x)[\]a]++)").value(),
            R"((?i:'s)|a{1,3}|(?!x)[\]a]++)");
}

TEST(Oniguruma, WhatIsRefused) {
  const std::pair<const char*, const char*> refused[] = {
      {"^a", "byte 0: unsupported line anchor"},
      {"ab$", "byte 2: unsupported line anchor"},
      {"[a&&b]", "intersection"},
      {"[a[b]]", "class in a class"},
      {"[]", "empty class"},
      {"[a", "[ without ]"},
      {"a{1,3}+", "interval suffix"},
      {"a{2}?", "interval suffix"},
      {"a{,3}", "interval"},
      {"a{", "interval"},
      {R"(\w)", "escape"},
      {R"(\h)", "escape"},
      {R"(\b)", "escape"},
      {R"(\x41)", "escape"},
      {"\\", "escape"},
      {R"(\pL)", "property"},
      {R"(\p{^Lu})", "property"},
      {R"(\p{)", "property"},
      {"(?m)a", "group"},
      {"(?<name>a)", "group"},
  };
  for (const auto& [pattern, message] : refused) {
    EXPECT_THAT(PatternFromOniguruma(pattern).status().message(),
                HasSubstr(message))
        << pattern;
  }
}

TEST(Regex, FaultsNameThePlace) {
  EXPECT_THAT(Regex::Compile("a(b").status().message(),
              HasSubstr("\"a(b\", byte 3"));
}

TEST(Regex, EscapedLiteralsMatchThemselves) {
  const std::string literal("a.b\0[*]\\E+ ä#", 13);
  const Regex regex = Regex::Compile(EscapeRegex(literal)).value();
  RegexScratch scratch;
  Regex::Match match;
  ASSERT_TRUE(regex.Find(absl::StrCat("xx", literal), 0, scratch, match));
  EXPECT_EQ(match.begin, 2);
  EXPECT_EQ(match.end, 2 + literal.size());
  EXPECT_FALSE(regex.Find("axb", 0, scratch, match));
}

}  // namespace
}  // namespace cogdist
