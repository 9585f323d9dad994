#include "launcher/bench/collective_benchmarks.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

std::vector<BenchmarkRow> Rows(int ranks) {
  std::vector<BenchmarkRow> rows_of_rank_0;
  testing::RunRankContexts(ranks, [&](RankContext& context) {
    const auto rows = BenchmarkCollectives(context, {1 << 8, 1 << 12});
    ASSERT_TRUE(rows.ok()) << rows.status();
    if (context.rank() == 0) rows_of_rank_0 = *rows;
  });
  return rows_of_rank_0;
}

TEST(CollectiveBenchmarksTest, MeasureAllOfThemInEverySize) {
  std::vector<std::string> names;
  for (const BenchmarkRow& row : Rows(3)) {
    names.push_back(row.what);
    EXPECT_GT(row.rate, 0);
    EXPECT_EQ(row.unit, "byte");
  }
  EXPECT_THAT(names,
              ElementsAre("all-reduce 1.00 KiB", "reduce-scatter 1.00 KiB",
                          "all-gather 1.00 KiB", "broadcast 1.00 KiB",
                          "send and receive 1.00 KiB", "all-reduce 16.0 KiB",
                          "reduce-scatter 16.0 KiB", "all-gather 16.0 KiB",
                          "broadcast 16.0 KiB", "send and receive 16.0 KiB"));
}

TEST(CollectiveBenchmarksTest, ALoneRankHasNone) {
  EXPECT_TRUE(Rows(1).empty());
}

}  // namespace
}  // namespace cogdist
