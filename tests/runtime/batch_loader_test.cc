#include "runtime/data/batch_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>
#include <set>

#include "runtime/data/indexed_dataset_writer.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Documents = std::vector<std::vector<int32_t>>;

void Write(const std::string& prefix, const Documents& documents,
           int64_t vocab_size = 100000, const DatasetMeta& meta = {}) {
  auto writer = IndexedDatasetWriter::Create(prefix, vocab_size);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const auto& document : documents) {
    ASSERT_TRUE(writer->AddDocument(document).ok());
  }
  ASSERT_TRUE(writer->Finish(meta).ok());
}

// Documents of random lengths; the token at position p is first + p, or `eos`
// at the end of a document if that is not negative.
Documents Counting(int64_t tokens, int32_t first, int32_t eos = -1) {
  std::mt19937 random(9);
  Documents documents;
  for (int64_t position = 0; position < tokens;) {
    const int64_t end = std::min<int64_t>(tokens, position + 1 + random() % 30);
    documents.emplace_back();
    for (; position < end; ++position) {
      documents.back().push_back(first + static_cast<int32_t>(position));
    }
    if (eos >= 0) documents.back().back() = eos;
  }
  return documents;
}

BatchSpec Spec(int64_t seq_len, int64_t global_batch_size) {
  return {.seq_len = seq_len,
          .global_batch_size = global_batch_size,
          .shuffle = false,
          .vocab_size = 100000,
          .seed = 3};
}

// All micro-batches of all ranks of one step, one after another.
Batch WholeStep(const std::vector<DatasetSource>& sources, BatchSpec spec,
                int64_t step) {
  Batch all, part;
  for (spec.data_rank = 0; spec.data_rank < spec.data_size; ++spec.data_rank) {
    const auto loader = BatchLoader::Open(sources, spec);
    EXPECT_TRUE(loader.ok()) << loader.status();
    for (int64_t m = 0; m < loader->micro_batches_per_step(); ++m) {
      EXPECT_TRUE(loader->Load(step, m, part).ok());
      all.inputs.insert(all.inputs.end(), part.inputs.begin(),
                        part.inputs.end());
      all.targets.insert(all.targets.end(), part.targets.begin(),
                         part.targets.end());
      all.num_targets += part.num_targets;
    }
  }
  return all;
}

TEST(BatchLoaderTest, SequentialWindowsAsDefined) {
  const TempDir dir;
  Write(dir / "d", Counting(100, 0));
  // floor(99 / 9) = 11 windows; sample n is tokens [9 w, 9 w + 9], w = n
  // mod 11.
  const auto loader = BatchLoader::Open({{dir / "d"}}, Spec(9, 4));
  ASSERT_TRUE(loader.ok()) << loader.status();
  EXPECT_EQ(loader->num_samples(), 11);
  EXPECT_EQ(loader->micro_batches_per_step(), 4);
  Batch batch;
  for (int64_t step = 1; step <= 10; ++step) {
    for (int64_t m = 0; m < 4; ++m) {
      ASSERT_TRUE(loader->Load(step, m, batch).ok());
      const int64_t window = ((step - 1) * 4 + m) % 11;
      EXPECT_EQ(batch.shape, Shape({1, 9}));
      EXPECT_EQ(batch.num_targets, 9);
      EXPECT_TRUE(batch.document_start.empty());
      for (int64_t i = 0; i < 9; ++i) {
        EXPECT_EQ(batch.inputs[i], window * 9 + i);
        EXPECT_EQ(batch.targets[i], window * 9 + i + 1);
      }
    }
  }
}

// As after a change of the batch size: 3 steps of 4 samples, then steps of 6.
TEST(BatchLoaderTest, ARunMayGoOnAnywhere) {
  const TempDir dir;
  Write(dir / "d", Counting(100, 0));
  auto loader = BatchLoader::Open({{dir / "d"}}, Spec(9, 6));
  ASSERT_TRUE(loader.ok()) << loader.status();
  loader->StartAt(4, 12);
  Batch batch;
  for (const auto& [step, sample] : {std::pair(4, 12), {5, 18}, {6, 24}}) {
    for (int64_t m = 0; m < 6; ++m) {
      ASSERT_TRUE(loader->Load(step, m, batch).ok());
      EXPECT_EQ(batch.inputs[0], (sample + m) % 11 * 9);
    }
  }
}

TEST(BatchLoaderTest, LayoutsGiveTheSameSamples) {
  const TempDir dir;
  Write(dir / "a", Counting(700, 0));
  Write(dir / "b", Counting(300, 1000));
  const std::vector<DatasetSource> sources = {{dir / "a", 0.6},
                                              {dir / "b", 0.4}};
  for (const bool shuffle : {false, true}) {
    BatchSpec spec = Spec(7, 12);
    spec.shuffle = shuffle;
    for (const int64_t step : {1, 2, 40}) {
      spec.data_size = spec.micro_batch_size = 1;
      const Batch expected = WholeStep(sources, spec, step);
      EXPECT_EQ(expected.inputs.size(), 7u * 12);
      for (const auto& [d, m] : std::vector<std::pair<int, int>>{
               {1, 12}, {1, 3}, {2, 1}, {2, 6}, {3, 2}, {4, 3}, {12, 1}}) {
        spec.data_size = d;
        spec.micro_batch_size = m;
        const Batch got = WholeStep(sources, spec, step);
        EXPECT_EQ(got.inputs, expected.inputs);
        EXPECT_EQ(got.targets, expected.targets);
      }
    }
  }
}

TEST(BatchLoaderTest, ShuffledEpochsHoldEveryWindowOnce) {
  const TempDir dir;
  Write(dir / "d", Counting(101, 0));
  BatchSpec spec = Spec(5, 4);
  spec.shuffle = true;
  const auto loader = BatchLoader::Open({{dir / "d"}}, spec);
  ASSERT_EQ(loader->num_samples(), 20);
  std::set<std::vector<int32_t>> orders;
  Batch batch;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<int32_t> first_tokens;
    for (int64_t n = 0; n < 20; ++n) {
      ASSERT_TRUE(loader->Load(epoch * 5 + n / 4 + 1, n % 4, batch).ok());
      first_tokens.push_back(batch.inputs[0]);
      EXPECT_EQ(batch.inputs[0] % 5, 0);
    }
    const std::set<int32_t> distinct(first_tokens.begin(), first_tokens.end());
    EXPECT_EQ(distinct.size(), 20u);
    orders.insert(first_tokens);
  }
  EXPECT_EQ(orders.size(), 4u);
}

TEST(BatchLoaderTest, DocumentStarts) {
  const TempDir dir;
  // Windows of 6: [5 6 0 7 0 0] [8 9 5 5 0 3], then the last target.
  Write(dir / "d", {{5, 6, 0}, {7, 0}, {0}, {8, 9, 5, 5, 0}, {3, 0}}, 300);
  BatchSpec spec = Spec(6, 2);
  spec.micro_batch_size = 2;
  spec.document_mask = true;
  spec.eos_token_id = 0;
  const auto loader = BatchLoader::Open({{dir / "d"}}, spec);
  ASSERT_TRUE(loader.ok()) << loader.status();
  Batch batch;
  ASSERT_TRUE(loader->Load(1, 0, batch).ok());
  EXPECT_THAT(batch.inputs, ElementsAre(5, 6, 0, 7, 0, 0, 8, 9, 5, 5, 0, 3));
  EXPECT_THAT(batch.targets, ElementsAre(6, 0, 7, 0, 0, 8, 9, 5, 5, 0, 3, 0));
  EXPECT_THAT(batch.document_start,
              ElementsAre(0, 0, 0, 3, 3, 5, 0, 0, 0, 0, 0, 5));
}

TEST(BatchLoaderTest, EvaluationUsesEveryTargetOnce) {
  const TempDir dir;
  for (const int64_t tokens : {2, 5, 6, 7, 11, 50, 51, 52}) {
    Write(dir / "a", Counting(tokens, 0));
    Write(dir / "b", Counting(8, 1000));
    for (const int64_t ranks : {1, 2}) {
      BatchSpec spec = Spec(5, 4);
      spec.data_size = ranks;
      std::vector<int32_t> targets;
      int64_t counted = 0;
      for (spec.data_rank = 0; spec.data_rank < ranks; ++spec.data_rank) {
        const auto loader =
            BatchLoader::OpenForEvaluation({{dir / "a"}, {dir / "b"}}, spec);
        ASSERT_TRUE(loader.ok()) << loader.status();
        Batch batch;
        for (int64_t step = 1; step <= loader->num_batches(); ++step) {
          for (int64_t m = 0; m < loader->micro_batches_per_step(); ++m) {
            ASSERT_TRUE(loader->Load(step, m, batch).ok());
            counted += batch.num_targets;
            for (size_t i = 0; i < batch.targets.size(); ++i) {
              if (batch.targets[i] < 0) {
                EXPECT_EQ(batch.inputs[i], 0);
                continue;
              }
              EXPECT_EQ(batch.inputs[i], batch.targets[i] - 1);
              targets.push_back(batch.targets[i]);
            }
          }
        }
      }
      EXPECT_EQ(counted, tokens - 1 + 7);
      EXPECT_EQ(counted, static_cast<int64_t>(targets.size()));
      std::set<int32_t> expected;
      for (int32_t i = 1; i < tokens; ++i) expected.insert(i);
      for (int32_t i = 1; i < 8; ++i) expected.insert(1000 + i);
      EXPECT_EQ(std::set<int32_t>(targets.begin(), targets.end()), expected);
    }
  }
}

TEST(BatchLoaderTest, BatchesAreReusedWithoutAllocation) {
  const TempDir dir;
  Write(dir / "d", Counting(100, 0));
  const auto loader = BatchLoader::Open({{dir / "d"}}, Spec(9, 4));
  Batch batch;
  ASSERT_TRUE(loader->Load(1, 0, batch).ok());
  const int32_t* inputs = batch.inputs.data();
  const int32_t* targets = batch.targets.data();
  ASSERT_TRUE(loader->Load(7, 3, batch).ok());
  EXPECT_EQ(batch.inputs.data(), inputs);
  EXPECT_EQ(batch.targets.data(), targets);
}

TEST(BatchLoaderTest, ForeignIdsAreCheckedInEveryBatch) {
  const TempDir dir;
  for (const int64_t position : {0, 8, 12, 13}) {
    Documents documents = {{1, 2, 3, 4, 5}, {6, 7, 8, 9}, {1, 2, 3, 4, 5}};
    documents[position < 5   ? 0
              : position < 9 ? 1
                             : 2][position < 5   ? position
                                  : position < 9 ? position - 5
                                                 : position - 9] = 300;
    Write(dir / "d", documents, 400);
    std::filesystem::remove(dir / "d.meta.json");
    BatchSpec spec = Spec(4, 1);
    spec.vocab_size = 300;
    const auto loader = BatchLoader::Open({{dir / "d"}}, spec);
    ASSERT_TRUE(loader.ok()) << loader.status();
    Batch batch;
    absl::Status status;
    for (int64_t step = 1; step <= 3 && status.ok(); ++step) {
      status = loader->Load(step, 0, batch);
    }
    if (position == 13) {
      EXPECT_TRUE(status.ok());  // the tail is in no window
      continue;
    }
    EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(dir / "d.bin"));
    EXPECT_THAT(status.ToString(),
                HasSubstr(position == 0   ? "document 0 at offset 0"
                          : position == 8 ? "document 1 at offset 3"
                                          : "document 2 at offset 3"));
  }
}

struct BadCase {
  std::string message;
  std::function<void(BatchSpec&)> change;
  std::vector<DatasetSource> sources;
};

TEST(BatchLoaderTest, RefusesBadInputAtStart) {
  const TempDir dir;
  Write(dir / "d", Counting(100, 1), 300, {.tokenizer = "A"});
  Write(dir / "other", Counting(100, 1), 300, {.tokenizer = "B"});
  Write(dir / "eos", Counting(100, 1, 0), 300, {.eos_token_id = 0});
  const std::vector<DatasetSource> d = {{dir / "d"}};
  const std::vector<BadCase> cases = {
      {"data.seq_len must be at least 1", [](auto& s) { s.seq_len = 0; }, d},
      {"has 100 tokens, but one sequence and its targets take 101",
       [](auto& s) { s.seq_len = 100; }, d},
      {"batch.global_batch_size 4 must be a multiple",
       [](auto& s) { s.micro_batch_size = 3; }, d},
      {"must be a multiple", [](auto& s) { s.global_batch_size = 0; }, d},
      {"must be a multiple", [](auto& s) { s.micro_batch_size = 0; }, d},
      {"2 data-parallel ranks",
       [](auto& s) { s.micro_batch_size = 4, s.data_size = 2; }, d},
      {"no dataset", [](auto&) {}, {}},
      {"dataset 0 (counted from 0) must be above 0",
       [](auto&) {},
       {{dir / "d", 0}}},
      {"dataset 1 (counted from 0) must be above 0, not -2",
       [](auto&) {},
       {{dir / "d"}, {dir / "d", -2}}},
      {"there is no " + (dir / "none.idx"), [](auto&) {}, {{dir / "none"}}},
      {"the largest token id is 100, but vocab_size is 100; set vocab_size "
       "to 101",
       [](auto& s) { s.vocab_size = 100; }, d},
      {"different tokenizers", [](auto&) {}, {{dir / "d"}, {dir / "other"}}},
      {"needs data.eos_token_id", [](auto& s) { s.document_mask = true; }, d},
      {"needs data.eos_token_id in [0, 100000)",
       [](auto& s) { s.document_mask = true, s.eos_token_id = 100000; }, d},
      {"no token has the id 7000",
       [](auto& s) { s.document_mask = true, s.eos_token_id = 7000; }, d},
      {"documents end in token 0, but data.eos_token_id is 5",
       [](auto& s) { s.document_mask = true, s.eos_token_id = 5; },
       {{dir / "eos"}}},
  };
  for (const BadCase& bad : cases) {
    BatchSpec spec = Spec(9, 4);
    bad.change(spec);
    const absl::Status status = BatchLoader::Open(bad.sources, spec).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsNotFound(status))
        << bad.message << ": " << status;
    EXPECT_THAT(status.ToString(), HasSubstr(bad.message));
  }
}

// Ids that close no document are found by a search: packed text is one document
// with the tokens inside.
TEST(BatchLoaderTest, FindsEndsInsidePackedText) {
  const TempDir dir;
  Write(dir / "d", {{5, 6, 0, 7, 0, 9, 3}}, 300);
  BatchSpec spec = Spec(3, 1);
  spec.document_mask = true;
  spec.eos_token_id = 0;
  EXPECT_TRUE(BatchLoader::Open({{dir / "d"}}, spec).ok());
}

TEST(BatchLoaderTest, RefusesAMetaFileOfOtherData) {
  const TempDir dir;
  Write(dir / "d", Counting(100, 0));
  Write(dir / "e", Counting(90, 0));
  std::filesystem::rename(dir / "e.meta.json", dir / "d.meta.json");
  EXPECT_THAT(BatchLoader::Open({{dir / "d"}}, Spec(9, 4)).status().ToString(),
              HasSubstr("d.meta.json: belongs to another dataset"));
}

}  // namespace
}  // namespace cogdist
