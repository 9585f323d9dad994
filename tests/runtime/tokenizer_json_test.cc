#include "runtime/data/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/data/bpe_tokenizer.h"
#include "runtime/data/bpe_trainer.h"
#include "runtime/data/tokenizer.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

BpeDefinition Small() {
  WordCounter words;
  words.Add("the cat sat on the mat; größere 漢字 größere 漢字");
  return TrainBpe(words, {.vocab_size = 280}).value();
}

Json SmallJson() { return Json::parse(FormatTokenizerJson(Small())); }

std::string Fingerprint(const BpeDefinition& definition) {
  return BpeTokenizer::Create(definition).value()->fingerprint();
}

TEST(TokenizerJson, ReadsWhatItWrote) {
  const auto read = ParseTokenizerJson(FormatTokenizerJson(Small()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Fingerprint(*read), Fingerprint(Small()));
  EXPECT_EQ(FormatTokenizerJson(*read), FormatTokenizerJson(Small()));
}

TEST(TokenizerJson, BothFormsOfMergesAreTheSame) {
  Json json = SmallJson();
  for (Json& merge : json["model"]["merges"]) {
    const std::string names = merge;
    const size_t space = names.find(' ');
    merge = {names.substr(0, space), names.substr(space + 1)};
  }
  const auto read = ParseTokenizerJson(json.dump());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Fingerprint(*read), Fingerprint(Small()));
}

// What a damaged or unsupported file has at this place, and what the message
// must say.
struct Damage {
  const char* pointer;
  Json value;
  const char* message;
};

TEST(TokenizerJson, DamageIsNamed) {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "a"}}},
                      {"behavior", "Isolated"}};
  const auto sequence = [](Json step) {
    return Json{{"type", "Sequence"}, {"pretokenizers", {std::move(step)}}};
  };
  const Damage damages[] = {
      {"/model", 1, "object \"model\""},
      {"/model/type", "WordPiece", "model.type: \"WordPiece\""},
      {"/model/dropout", 0.1, "model.dropout"},
      {"/model/continuing_subword_prefix", "##",
       "model.continuing_subword_prefix"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix"},
      {"/model/vocab", nullptr, "model.vocab: expected an object"},
      {"/model/vocab/a", "x", "model.vocab[\"a\"]"},
      {"/model/vocab/a", -1, "model.vocab[\"a\"]"},
      {"/model/vocab/a", 1.5, "model.vocab[\"a\"]"},
      {"/model/vocab/a", 1e15, "model.vocab[\"a\"]"},
      {"/model/vocab/a", 0, "two tokens have the id 0"},
      {"/model/merges", "x", "model.merges: expected a list"},
      {"/model/merges/1", "abc", "model.merges[1]: expected"},
      {"/model/merges/1", "a b c", "model.merges[1]: expected"},
      {"/model/merges/1", {"a", "b", "c"}, "model.merges[1]: expected"},
      {"/model/merges/1", {"a", "q"}, "no token \"aq\""},
      {"/added_tokens", 3, "added_tokens: expected a list"},
      {"/added_tokens/0", "x", "added_tokens[0]"},
      {"/added_tokens/0/id", -4, "added_tokens[0].id"},
      {"/added_tokens/0/id", 7, "added_tokens[0].id: is 7"},
      {"/added_tokens/0/single_word", true, "added_tokens[0].single_word"},
      {"/added_tokens/0/content", "", "is empty"},
      {"/normalizer", {{"type", "Lowercase"}}, "normalizer.type"},
      {"/normalizer", "NFC", "normalizer: expected an object"},
      {"/pre_tokenizer", nullptr, "pre_tokenizer.type"},
      {"/pre_tokenizer/type", "Metaspace", "pre_tokenizer.type: \"Metaspace\""},
      {"/pre_tokenizer", sequence(split), "no ByteLevel step"},
      {"/pre_tokenizer", {{"type", "Sequence"}}, "pre_tokenizer.pretokenizers"},
      {"/pre_tokenizer", sequence({{"type", "Split"}}),
       "pre_tokenizer.pattern"},
      {"/pre_tokenizer",
       sequence({{"type", "Split"},
                 {"pattern", {{"String", " "}}},
                 {"behavior", "MergedWithNext"}}),
       "pre_tokenizer.behavior: \"MergedWithNext\""},
      {"/pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"},
           {"pattern", {{"Regex", "^a"}}},
           {"behavior", "Isolated"}},
          {{"type", "ByteLevel"}}}}},
       "unsupported line anchor"},
      {"/pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers", {{{"type", "ByteLevel"}}, split}}},
       "ByteLevel must be the last"},
  };
  for (const Damage& damage : damages) {
    Json json = SmallJson();
    json[Json::json_pointer(damage.pointer)] = damage.value;
    const auto read = ParseTokenizerJson(json.dump());
    const absl::Status status =
        read.ok() ? BpeTokenizer::Create(*read).status() : read.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << damage.pointer << " " << damage.value;
    EXPECT_THAT(status.message(), HasSubstr(damage.message));
  }
}

TEST(TokenizerJson, EveryByteNeedsAToken) {
  Json json = SmallJson();
  json["model"]["vocab"].erase("!");
  const auto read = ParseTokenizerJson(json.dump());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(BpeTokenizer::Create(*read).status().message(),
              HasSubstr("no token for byte 0x21"));
}

TEST(TokenizerJson, NoJsonAndNoFile) {
  EXPECT_THAT(ParseTokenizerJson("{\"model\": ").status().message(),
              HasSubstr("expected a JSON object"));
  for (const char* path : {"no/such/tokenizer.json", "tests"}) {
    const auto tokenizer = LoadTokenizer(path);
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(tokenizer.status().message(), HasSubstr("the word bytes"));
    EXPECT_THAT(tokenizer.status().message(), HasSubstr(path));
  }
}

TEST(TokenizerJson, BytesNeedNoFile) {
  const auto tokenizer = LoadTokenizer("bytes").value();
  EXPECT_EQ(tokenizer->vocab_size(), 257);
  EXPECT_EQ(tokenizer->eos_id(), 256);
  EXPECT_EQ(tokenizer->fingerprint(), "bytes");
  EXPECT_THAT(tokenizer->Encode("a\xFF"), testing::ElementsAre(97, 255));
  EXPECT_EQ(tokenizer->Decode({97, 256, 255}), "a\xFF");
}

}  // namespace
}  // namespace cogdist
