#include "runtime/data/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Write(const std::string& name, const std::string& contents) {
  const std::string path = testing::TempDir() + "text_reader_" + name;
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

absl::StatusOr<std::vector<std::string>> ReadAll(TextReaderOptions options) {
  COG_ASSIGN_OR_RETURN(TextReader reader, TextReader::Open(std::move(options)));
  std::vector<std::string> texts;
  for (;;) {
    RawDocument document;
    std::string buffer;
    COG_ASSIGN_OR_RETURN(const bool more, reader.Next(document));
    if (!more) return texts;
    COG_ASSIGN_OR_RETURN(const absl::string_view text,
                         reader.Text(document, buffer));
    texts.emplace_back(text);
  }
}

TEST(TextReader, ATextFileIsADocument) {
  const std::string a = Write("a.txt", "one\ntwo\r\n\n");
  const std::string b = Write("b", "\xEF\xBB\xBFthree");
  EXPECT_THAT(ReadAll({.files = {a, b, a}}).value(),
              ElementsAre("one\ntwo\r\n\n", "three", "one\ntwo\r\n\n"));
}

TEST(TextReader, SeparatorsDivideTextFiles) {
  const std::string a =
      Write("s.txt", "----\none\n ----\n----\r\n\n----\n----x\nthree\n----");
  EXPECT_THAT(ReadAll({.files = {a}, .document_separator = "----"}).value(),
              ElementsAre("one\n ----\n", "----x\nthree\n"));
}

TEST(TextReader, ALineOfJsonIsADocument) {
  const std::string a =
      Write("a.jsonl",
            "{\"id\": [1, {\"text\": \"no\"}], \"text\": \"a\\n\\u00e4\"}\r\n"
            "\n"
            "{\"text\": \"\", \"meta\": {\"text\": 3}, \"n\": 1e999999}\n"
            "{\"text\": \"last\"}");
  EXPECT_THAT(ReadAll({.files = {a}}).status().message(),
              HasSubstr("a.jsonl:3: is not valid JSON"));
  const std::string b =
      Write("b.ndjson",
            "{\"id\": [1, {\"text\": \"no\"}], \"text\": \"a\\n\\u00e4\"}\r\n"
            " \n"
            "{\"text\": \"\", \"meta\": {\"text\": 3}}\n"
            "{\"text\": \"last\"}");
  EXPECT_THAT(ReadAll({.files = {b}}).value(), ElementsAre("a\nä", "", "last"));
  EXPECT_THAT(ReadAll({.files = {b}, .json_field = "id"}).status().message(),
              HasSubstr("b.ndjson:1: field \"id\" is not a string"));
}

TEST(TextReader, DeepNestingIsNoDanger) {
  const std::string deep(1 << 20, '[');
  const std::string path =
      Write("deep.jsonl", absl::StrCat("{\"other\": ", deep, "\n"));
  EXPECT_THAT(ReadAll({.files = {path}}).status().message(),
              HasSubstr("is not valid JSON"));
}

TEST(TextReader, DamageIsNamedByFileAndLine) {
  const struct {
    const char* name;
    std::string contents;
    const char* message;
  } damages[] = {
      {"empty.txt", "", "empty.txt: is empty"},
      {"blank.txt", " \n\n", "blank.txt: has no documents"},
      {"blank.jsonl", "\n \r\n", "blank.jsonl: has no documents"},
      {"latin1.txt", "one\ntwo\nh\xE4ngt\n", "latin1.txt:3: is not valid"},
      {"utf16.txt", std::string("\xFF\xFEo\0n\0", 6), "utf16.txt:1: is not"},
      {"cut.txt", "one\n\xE2\x82", "cut.txt:2: is not valid UTF-8"},
      {"latin1.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\xE4\"}\n",
       "latin1.jsonl:2: is not valid UTF-8"},
      {"half.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\"b",
       "half.jsonl:3: is not valid JSON"},
      {"more.jsonl", "{\"text\":\"a\"} {}\n", "more.jsonl:1: is not valid"},
      {"surrogate.jsonl", "{\"text\":\"\\ud800\"}\n",
       "surrogate.jsonl:1: is not valid JSON (byte"},
      {"array.jsonl", "[\"text\"]\n", "array.jsonl:1: is not a JSON object"},
      {"scalar.jsonl", "\"text\"\n", "scalar.jsonl:1: is not a JSON object"},
      {"pretty.json", "{\n\"text\": \"a\"\n}\n", "pretty.json:1: is not valid"},
      {"missing.jsonl", "{\"text\":\"a\"}\n{\"Text\":\"b\"}\n",
       "missing.jsonl:2: has no field \"text\""},
      {"null.jsonl", "{\"text\":null}\n", "null.jsonl:1: field \"text\" is"},
      {"number.jsonl", "{\"text\":12}\n", "number.jsonl:1: field \"text\" is"},
      {"object.jsonl", "{\"text\":{}}\n", "object.jsonl:1: field \"text\" is"},
      {"list.jsonl", "{\"text\":[\"a\"]}\n", "list.jsonl:1: field \"text\" is"},
      {"twice.jsonl", "{\"text\":\"a\",\"text\":\"b\"}\n",
       "twice.jsonl:1: has \"text\" twice"},
  };
  for (const auto& damage : damages) {
    const auto texts =
        ReadAll({.files = {Write(damage.name, damage.contents)}});
    EXPECT_EQ(texts.status().code(), absl::StatusCode::kInvalidArgument)
        << damage.name;
    EXPECT_THAT(texts.status().message(), HasSubstr(damage.message));
  }
}

TEST(TextReader, FilesThatCannotBeRead) {
  EXPECT_THAT(ReadAll({}).status().message(), HasSubstr("no input files"));
  const std::string good = Write("good.txt", "text");
  for (const std::string& bad :
       {std::string("no/such/file.txt"), testing::TempDir()}) {
    const auto texts = ReadAll({.files = {good, bad}});
    EXPECT_FALSE(texts.ok());
    EXPECT_THAT(texts.status().message(), HasSubstr(bad));
  }
}

}  // namespace
}  // namespace cogdist
