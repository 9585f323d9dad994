#include "launcher/run_description.h"

#include "gmock/gmock.h"
#include "models/cost.h"
#include "tests/launcher/small_config.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

int64_t Sum(const std::vector<std::vector<ByteCount>>& stages) {
  int64_t sum = 0;
  for (const std::vector<ByteCount>& stage : stages) {
    for (const ByteCount& count : stage) sum += count.bytes;
  }
  return sum;
}

TEST(RunDescriptionTest, DescribesARun) {
  const RunConfig config = testing::SmallConfig();
  const StartSummary summary =
      DescribeRun(config, {.mesh = Mesh({1, 1, 2, 1}), .threads = 1},
                  {{.memory = {.weights = 10, .activations = 7},
                    .communication = {.data = 5}}});
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
  EXPECT_EQ(Sum(summary.memory), 17);
  EXPECT_EQ(Sum(summary.traffic), 5);
}

TEST(RunDescriptionTest, LeavesOutWhatIsNotKnown) {
  RunConfig config = testing::SmallConfig();
  config.set_precision(BF16);
  config.mutable_model()->mutable_cogformer()->mutable_attention()->set_kind(
      AttentionConfig::SOFTMAX);
  const StartSummary summary = DescribeRun(config, RunLayout(), {});
  EXPECT_EQ(summary.layout, "1 rank: data 1; CPU, BF16");
  EXPECT_THAT(summary.model, HasSubstr("softmax Transformer"));
}

TEST(RunDescriptionTest, NamesEveryKindOfParallelism) {
  RunConfig config = testing::SmallConfig();
  ParallelConfig& parallel = *config.mutable_parallel();
  parallel.set_zero_stage(2);
  parallel.set_sequence_parallel(true);
  parallel.set_virtual_pipeline(3);
  config.set_deterministic(LAYOUT_INVARIANT);
  const RunLayout layout = {.mesh = Mesh({4, 2, 2, 3}),
                            .device = DeviceType::kCuda};
  EXPECT_EQ(DescribeRun(config, layout, {}).layout,
            "48 ranks: data 2 (ZeRO 2), tensor 4 (sequence parallel), context "
            "2, pipeline 3 (3 chunks a rank); CUDA, FP32, layout-invariant");
}

}  // namespace
}  // namespace cogdist
