// Ids must be those of Hugging Face Tokenizers: tests/data/tokenizer/ holds
// files written by it and the ids it gives; generate.py there made them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/data/bpe_trainer.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/tokenizer_json.h"

namespace cogdist {
namespace {

using ::testing::ElementsAreArray;

constexpr char kFolder[] = "tests/data/tokenizer/";

std::string ReadData(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Case {
  std::string text;
  std::vector<int32_t> ids;
};

std::vector<Case> Expected(const std::string& name) {
  std::vector<Case> cases;
  for (const auto& c : nlohmann::json::parse(ReadData(name))) {
    cases.push_back({c["text"], c["ids"]});
  }
  EXPECT_GE(cases.size(), 70);
  return cases;
}

class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ =
      LoadTokenizer(kFolder + GetParam() + ".json").value();
  std::vector<Case> cases_ = Expected(GetParam() + "_expected.json");
};

TEST_P(GoldenTest, IdsAreHuggingFaces) {
  for (const Case& c : cases_) {
    EXPECT_THAT(tokenizer_->Encode(c.text), ElementsAreArray(c.ids)) << c.text;
  }
}

TEST_P(GoldenTest, WarmCacheAndManyThreadsChangeNothing) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int repeat = 0; repeat < 3; ++repeat) {
        for (const Case& c : cases_) {
          ASSERT_EQ(tokenizer_->Encode(c.text), c.ids);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTest,
                         testing::Values("gpt2", "llama3", "nfc",
                                         "prefix_space"));

// Without a normaliser or a prefix space nothing is lost.
TEST(GoldenTest, DecodingGivesTheTextBack) {
  const auto tokenizer =
      LoadTokenizer(std::string(kFolder) + "gpt2.json").value();
  for (const Case& c : Expected("gpt2_expected.json")) {
    EXPECT_EQ(tokenizer->Decode(c.ids), c.text);
  }
}

TEST(GoldenTest, TrainingGivesHuggingFacesVocabulary) {
  WordCounter words;
  words.Add(ReadData("corpus.txt"));
  const BpeDefinition ours = TrainBpe(words, {.vocab_size = 512}).value();
  const BpeDefinition theirs =
      ReadTokenizerJson(std::string(kFolder) + "gpt2.json").value();

  ASSERT_EQ(ours.tokens.size(), theirs.tokens.size());
  for (size_t id = 1; id < ours.tokens.size(); ++id) {
    EXPECT_EQ(ours.tokens[id].bytes, theirs.tokens[id].bytes) << id;
  }
  ASSERT_EQ(ours.merges.size(), theirs.merges.size());
  for (size_t rank = 0; rank < ours.merges.size(); ++rank) {
    EXPECT_EQ(ours.merges[rank].left, theirs.merges[rank].left) << rank;
    EXPECT_EQ(ours.merges[rank].right, theirs.merges[rank].right) << rank;
    EXPECT_EQ(ours.merges[rank].result, theirs.merges[rank].result) << rank;
  }
}

}  // namespace
}  // namespace cogdist
