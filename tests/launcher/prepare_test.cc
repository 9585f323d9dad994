#include "launcher/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "launcher/run_in_order.h"
#include "runtime/data/indexed_dataset.h"
#include "runtime/data/tokenizer.h"
#include "runtime/file.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PrepareTest : public testing::Test {
 protected:
  PrepareTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~PrepareTest() override { std::fclose(log_); }

  std::string Path(const std::string& name) const { return folder_ + name; }
  std::string Write(const std::string& name, const std::string& contents) {
    std::ofstream(Path(name), std::ios::binary) << contents;
    return Path(name);
  }
  // JSON Lines with these texts, which need no escapes.
  std::string WriteLines(const std::string& name,
                         const std::vector<std::string>& texts) {
    std::string lines;
    for (const std::string& text : texts) {
      absl::StrAppend(&lines, "{\"text\": \"", text, "\"}\n");
    }
    return Write(name, lines);
  }
  absl::Status Run(const PrepareOptions& options) {
    return Prepare(options, log_);
  }
  // The texts of a dataset, each without its end-of-document token.
  static std::vector<std::string> Texts(const std::string& prefix,
                                        const std::string& tokenizer) {
    const auto reader = IndexedDatasetReader::Open(prefix).value();
    const auto decoder = LoadTokenizer(tokenizer).value();
    std::vector<std::string> texts;
    for (int64_t d = 0; d < reader.num_documents(); ++d) {
      const int64_t begin = reader.DocumentBegin(d);
      std::vector<int32_t> tokens(
          static_cast<size_t>(reader.DocumentBegin(d + 1) - begin));
      reader.Read(begin, absl::MakeSpan(tokens));
      EXPECT_EQ(tokens.back(), decoder->eos_id());
      tokens.pop_back();
      texts.push_back(decoder->Decode(tokens));
    }
    return texts;
  }
  std::vector<std::string> FilesThatBegin(const std::string& name) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string file = entry.path().filename().string();
      if (absl::StartsWith(file, name)) files.push_back(file);
    }
    return files;
  }

  const std::string folder_ =
      testing::TempDir() + "prepare_" +
      testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
  std::FILE* const log_ = std::tmpfile();
};

std::vector<std::string> SomeTexts(int count) {
  const char* const words[] = {" the",  " sea", " shells", " größer",
                               " 漢字", " she", " 42"};
  const Rng rng(5, "texts");
  uint64_t n = 0;
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    std::string text = absl::StrCat("Document ", i, ":");
    for (uint64_t length = rng.Below(200, ++n); length > 0; --length) {
      absl::StrAppend(&text, words[rng.Below(std::size(words), ++n)]);
    }
    texts.push_back(text);
  }
  return texts;
}

TEST_F(PrepareTest, BytesOfTextFiles) {
  const std::string a = Write("a.txt", "one\n");
  const std::string b = Write("b.txt", "zw\xC3\xB6lf");
  ASSERT_TRUE(Run({.input = {.files = {a, b}},
                   .output = Path("new/folder/out"),
                   .tokenizer = "bytes",
                   .license = "mine"})
                  .ok());
  EXPECT_THAT(Texts(Path("new/folder/out"), "bytes"),
              testing::ElementsAre("one\n", "zwölf"));
  const DatasetMeta meta = ReadDatasetMeta(Path("new/folder/out")).value();
  EXPECT_EQ(meta.tokenizer, "bytes");
  EXPECT_EQ(meta.license, "mine");
  EXPECT_EQ(meta.source, absl::StrCat(a, ", ", b));
  EXPECT_EQ(meta.documents, 2);
  EXPECT_EQ(meta.text_bytes, 10);
  EXPECT_EQ(meta.tokens, 12);
  EXPECT_EQ(meta.largest_token_id, 256);
  EXPECT_EQ(meta.eos_token_id, 256);
  EXPECT_TRUE(VerifyPrepared(Path("new/folder/out"), log_).ok());
}

TEST_F(PrepareTest, TrainsSplitsAndGivesEveryTextBack) {
  const std::vector<std::string> texts = SomeTexts(300);
  const std::string file = WriteLines("a.jsonl", texts);
  ASSERT_TRUE(Run({.input = {.files = {file}},
                   .output = Path("out"),
                   .train_bpe = 300,
                   .validation_fraction = 0.2})
                  .ok());
  const std::string tokenizer = Path("out_tokenizer.json");
  const auto train = Texts(Path("out_train"), tokenizer);
  const auto validation = Texts(Path("out_validation"), tokenizer);
  EXPECT_GT(validation.size(), 30);
  EXPECT_LT(validation.size(), 90);
  // Both keep the order of the input.
  std::vector<std::string> merged;
  size_t t = 0, v = 0;
  for (const std::string& text : texts) {
    const bool held_out = v < validation.size() && validation[v] == text;
    merged.push_back(held_out ? validation[v++] : train.at(t++));
  }
  EXPECT_EQ(merged, texts);
  EXPECT_TRUE(VerifyPrepared(Path("out_train"), log_).ok());
  EXPECT_TRUE(VerifyPrepared(Path("out_validation"), log_).ok());
}

TEST_F(PrepareTest, ThreadsChangeNothing) {
  // Big enough for several batches.
  const std::string file = WriteLines("a.jsonl", SomeTexts(2000));
  std::set<std::string> outputs;
  for (const int threads : {1, 2, 3, 7}) {
    ASSERT_TRUE(Run({.input = {.files = {file}},
                     .output = Path("out"),
                     .train_bpe = 400,
                     .validation_fraction = 0.1,
                     .threads = threads})
                    .ok());
    std::string all;
    for (const char* name :
         {"out_train.bin", "out_train.idx", "out_train.meta.json",
          "out_validation.bin", "out_validation.idx",
          "out_validation.meta.json", "out_tokenizer.json"}) {
      all += ReadFile(Path(name)).value();
    }
    outputs.insert(all);
  }
  EXPECT_EQ(outputs.size(), 1);
}

TEST_F(PrepareTest, NewFilesMoveNoDocumentBetweenTheSplits) {
  const std::vector<std::string> texts = SomeTexts(200);
  const std::string all = WriteLines("all.jsonl", texts);
  const std::string some =
      WriteLines("some.jsonl", {texts.begin() + 50, texts.begin() + 150});
  for (const std::string& file : {all, some}) {
    ASSERT_TRUE(Run({.input = {.files = {file}},
                     .output = file,
                     .tokenizer = "bytes",
                     .validation_fraction = 0.3})
                    .ok());
  }
  const auto held_out = Texts(all + "_validation", "bytes");
  const std::set<std::string> expected(held_out.begin(), held_out.end());
  for (const std::string& text : Texts(some + "_validation", "bytes")) {
    EXPECT_EQ(expected.count(text), 1) << text;
  }
  for (const std::string& text : Texts(some + "_train", "bytes")) {
    EXPECT_EQ(expected.count(text), 0) << text;
  }
}

TEST_F(PrepareTest, HeldOutTextDoesNotTrainTheTokenizer) {
  // Each document has a word of its own, many times over.
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    const std::string word(8, static_cast<char>('A' + i));
    texts.push_back(absl::StrCat(i, " ", word == "\\\\\\\\\\\\\\\\" ? "" : word,
                                 " ", word[0] == '\\' ? "" : word));
  }
  ASSERT_TRUE(Run({.input = {.files = {WriteLines("a.jsonl", texts)}},
                   .output = Path("out"),
                   .train_bpe = 2000,
                   .validation_fraction = 0.5})
                  .ok());
  const auto tokenizer = LoadTokenizer(Path("out_tokenizer.json")).value();
  for (const std::string& text :
       Texts(Path("out_validation"), Path("out_tokenizer.json"))) {
    const std::string word = text.substr(text.find(' ') + 1, 8);
    EXPECT_EQ(tokenizer->Encode(word).size(), word.size()) << text;
  }
}

TEST_F(PrepareTest, ALargeDocumentAndEmptyOnes) {
  const std::string large(3 << 20, 'x');
  const std::string file = WriteLines("a.jsonl", {"", "small", large, ""});
  ASSERT_TRUE(Run({.input = {.files = {file}},
                   .output = Path("out"),
                   .tokenizer = "bytes",
                   .threads = 3})
                  .ok());
  EXPECT_EQ(Texts(Path("out"), "bytes"),
            (std::vector<std::string>{"small", large}));
}

TEST_F(PrepareTest, DamageLeavesNothingBehind) {
  std::vector<std::string> texts = SomeTexts(3000);
  texts[2500] = "bad \xFF byte";
  texts[2900] = "another \xFF";
  const std::string file = WriteLines("a.jsonl", texts);
  for (const int threads : {1, 4}) {
    const absl::Status status = Run({.input = {.files = {file}},
                                     .output = Path("out"),
                                     .tokenizer = "bytes",
                                     .validation_fraction = 0.1,
                                     .threads = threads});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("a.jsonl:2501: is not valid"));
    EXPECT_THAT(FilesThatBegin("out"), IsEmpty());
  }
  EXPECT_FALSE(
      Run({.input = {.files = {file}}, .output = Path("out"), .train_bpe = 300})
          .ok());
  EXPECT_THAT(FilesThatBegin("out"), IsEmpty());
}

TEST_F(PrepareTest, AnErrorKeepsTheOldFiles) {
  PrepareOptions options = {.input = {.files = {Write("a.txt", "good")}},
                            .output = Path("out"),
                            .tokenizer = "bytes"};
  ASSERT_TRUE(Run(options).ok());
  options.input.files = {Write("b.txt", "\xFF")};
  ASSERT_FALSE(Run(options).ok());
  EXPECT_THAT(Texts(Path("out"), "bytes"), testing::ElementsAre("good"));
}

TEST_F(PrepareTest, BadOptionsAreNamed) {
  const PrepareOptions good = {.input = {.files = {Write("a.txt", "a b")}},
                               .output = Path("out"),
                               .tokenizer = "bytes"};
  struct Case {
    void (*change)(PrepareOptions& options);
    const char* message;
  };
  const Case cases[] = {
      {[](auto& o) { o.output = ""; }, "--output"},
      {[](auto& o) { o.output = "folder/"; }, "--output"},
      {[](auto& o) { o.tokenizer = ""; }, "--tokenizer"},
      {[](auto& o) { o.train_bpe = 300; }, "--train_bpe"},
      {[](auto& o) { o.tokenizer = "no.json"; }, "no.json"},
      {[](auto& o) { o.tokenizer = "", o.train_bpe = 256; }, "257"},
      {[](auto& o) { o.tokenizer = "", o.train_bpe = -1; }, "--train_bpe"},
      {[](auto& o) { o.tokenizer = "", o.train_bpe = 2000000; }, "1000000"},
      {[](auto& o) { o.validation_fraction = 1; }, "--validation_fraction"},
      {[](auto& o) { o.validation_fraction = -0.1; }, "--validation_fraction"},
      {[](auto& o) { o.validation_fraction = 0.0 / 0.0; }, "at least 0"},
      {[](auto& o) { o.validation_fraction = 1e-9; }, "none is held out"},
      {[](auto& o) { o.validation_fraction = 0.999999; }, "all are held out"},
      {[](auto& o) { o.threads = -1; }, "--threads"},
      {[](auto& o) { o.eos_token = "two"; }, "--eos_token"},
      {[](auto& o) { o.input.files = {}; }, "no input files"},
  };
  for (const Case& c : cases) {
    PrepareOptions options = good;
    c.change(options);
    const absl::Status status = Run(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.message;
    EXPECT_THAT(status.message(), HasSubstr(c.message));
    EXPECT_THAT(FilesThatBegin("out"), IsEmpty());
  }
}

TEST_F(PrepareTest, ACorpusWithoutText) {
  const absl::Status status =
      Run({.input = {.files = {WriteLines("a.jsonl", {"", ""})}},
           .output = Path("out"),
           .tokenizer = "bytes"});
  EXPECT_THAT(status.message(), HasSubstr("no documents with any text"));
}

TEST(RunInOrder, WritesInOrderAndKeepsTheFirstError) {
  for (const int threads : {1, 2, 5}) {
    std::atomic<int> in_flight = 0;
    int next = 0;
    std::vector<int> written;
    const auto read = [&](int& batch) -> absl::StatusOr<bool> {
      EXPECT_LE(++in_flight, threads);
      batch = next++;
      return true;
    };
    const auto work = [&](int, int& batch) {
      // Of the two errors the later one tends to be found first.
      if (batch == 60) return absl::InternalError("sixty");
      if (batch == 61) return absl::InternalError("sixty-one");
      return absl::OkStatus();
    };
    const auto write = [&](int& batch) {
      --in_flight;
      written.push_back(batch);
      return absl::OkStatus();
    };
    const absl::Status status =
        RunInOrder<int>(threads, {.read = read, .work = work, .write = write});
    EXPECT_EQ(status.message(), "sixty");
    ASSERT_EQ(written.size(), 60);
    for (int i = 0; i < 60; ++i) EXPECT_EQ(written[i], i);
  }
}

}  // namespace
}  // namespace cogdist
