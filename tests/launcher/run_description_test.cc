#include "launcher/run_description.h"

#include "gmock/gmock.h"
#include "models/cost.h"
#include "tests/launcher/small_config.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

TEST(RunDescriptionTest, DescribesARun) {
  const RunConfig config = testing::SmallConfig();
  const StartSummary summary =
      DescribeRun(config, {.ranks = 2, .data_parallel = 2, .threads = 1},
                  {.weights = 10, .activations = 7});
  EXPECT_EQ(summary.name, "small");
  EXPECT_EQ(summary.model,
            "Cogformer, 2 layers, hidden 32, 2 heads of 16, ffn 48, "
            "vocabulary 64");
  EXPECT_EQ(summary.layout, "2 ranks: data 2; 1 thread a rank; CPU, FP32");
  EXPECT_EQ(summary.parameters, ParameterCount(config.model().cogformer()));
  // 4 sequences of a step = 1 a pass * 2 passes * 2 ranks.
  EXPECT_EQ(summary.micro_batch_size, 1);
  EXPECT_EQ(summary.accumulation_steps, 2);
  EXPECT_EQ(summary.data_parallel, 2);
  int64_t memory = 0;
  for (const MemoryItem& item : summary.memory) memory += item.bytes;
  EXPECT_EQ(memory, 17);
}

TEST(RunDescriptionTest, LeavesOutWhatIsNotKnown) {
  RunConfig config = testing::SmallConfig();
  config.set_precision(BF16);
  config.mutable_model()->mutable_cogformer()->mutable_attention()->set_kind(
      AttentionConfig::SOFTMAX);
  const StartSummary summary = DescribeRun(config, RunLayout(), MemoryPlan());
  EXPECT_EQ(summary.layout, "1 rank: data 1; CPU, BF16");
  EXPECT_THAT(summary.model, HasSubstr("softmax Transformer"));
}

}  // namespace
}  // namespace cogdist
