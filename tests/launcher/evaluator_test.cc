#include "launcher/evaluator.h"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/init.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "tests/launcher/small_config.h"
#include "tests/temp_dir.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

class EvaluatorTest : public ::testing::Test {
 protected:
  // Of 41 and 70 tokens, which fill 3 and 5 windows of 16, the last in part.
  EvaluatorTest() {
    Write("a", 41, 100);
    Write("b", 70, 200);
  }

  void Write(absl::string_view name, int64_t tokens, int64_t text_bytes) {
    std::vector<int32_t> ids(tokens);
    for (int64_t i = 0; i + 1 < tokens; ++i) ids[i] = 1 + i * i % 60;
    auto writer = IndexedDatasetWriter::Create(dir_ / name, 64);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->AddDocument(ids).ok());
    const DatasetMeta meta = {.text_bytes = text_bytes, .eos_token_id = 0};
    ASSERT_TRUE(writer->Finish(meta).ok());
  }

  EvaluationResult Evaluate(int ranks, int64_t micro_batch_size,
                            const std::vector<std::string>& names,
                            int64_t max_batches = 1000) {
    RunConfig config = testing::SmallConfig();
    config.mutable_batch()->set_micro_batch_size(micro_batch_size);
    std::vector<DatasetSource> sources;
    for (const std::string& name : names) {
      sources.push_back({.prefix = dir_ / name});
    }
    std::vector<EvaluationResult> results(ranks);
    testing::RunRankContexts(ranks, [&](RankContext& context) {
      auto evaluator = Evaluator::Open(config, sources, context);
      ASSERT_TRUE(evaluator.ok()) << evaluator.status();
      auto runner =
          ModelRunner::Create(config, ParamStore::Use::kInference, context);
      ASSERT_TRUE(runner.ok()) << runner.status();
      InitializeParameters((*runner)->params(), *context.streams.compute, 1);
      UnitHooks no_hooks;
      const auto evaluate = [&](ModelRunner::LoadMicroBatch load) {
        const absl::Status loaded = (*runner)->Load(load);
        (*runner)->Evaluate(no_hooks);
        return loaded;
      };
      const auto result =
          evaluator->Run(**runner, evaluate, context, max_batches);
      ASSERT_TRUE(result.ok()) << result.status();
      results[context.rank()] = *result;
    });
    for (const EvaluationResult& result : results) {
      EXPECT_EQ(result.loss, results[0].loss);
      EXPECT_EQ(result.targets, results[0].targets);
    }
    return results[0];
  }

  TempDir dir_;
};

// Two batches of 4 windows; with 4 ranks some have nothing but padding.
TEST_F(EvaluatorTest, EveryTargetCountsOnceHoweverTheyAreShared) {
  const EvaluationResult whole = Evaluate(1, 4, {"a", "b"});
  EXPECT_EQ(whole.targets, 40 + 69);
  for (const auto& [ranks, micro_batch_size] :
       {std::pair{1, 1}, {2, 1}, {2, 2}, {4, 1}}) {
    const EvaluationResult shared =
        Evaluate(ranks, micro_batch_size, {"a", "b"});
    EXPECT_EQ(shared.targets, whole.targets);
    EXPECT_NEAR(shared.loss, whole.loss, 1e-5 * whole.loss);
  }
  const EvaluationResult a = Evaluate(4, 1, {"a"});
  const EvaluationResult b = Evaluate(1, 4, {"b"});
  EXPECT_EQ(a.targets, 40);
  EXPECT_NEAR((a.loss * 40 + b.loss * 69) / 109, whole.loss, 1e-5 * whole.loss);
}

TEST_F(EvaluatorTest, StopsAfterTheBatchesAskedFor) {
  EXPECT_EQ(Evaluate(1, 1, {"b"}, 1).targets, 4 * 16);
}

TEST_F(EvaluatorTest, BitsPerByteOfAllDatasetsTogether) {
  const EvaluationResult result = Evaluate(1, 4, {"a", "b"});
  ASSERT_TRUE(result.bits_per_byte.has_value());
  EXPECT_NEAR(*result.bits_per_byte,
              result.loss / std::log(2.0) * (41 + 70) / (100 + 200), 1e-9);
  std::filesystem::remove(DatasetMetaPath(dir_ / "b"));
  EXPECT_FALSE(Evaluate(1, 4, {"a", "b"}).bits_per_byte.has_value());
}

}  // namespace
}  // namespace cogdist
