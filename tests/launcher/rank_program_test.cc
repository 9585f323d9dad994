#include "launcher/rank_program.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

// What each rank gets to know of these statuses.
std::vector<absl::Status> Agreed(const std::vector<absl::Status>& mine) {
  std::vector<absl::Status> agreed(mine.size());
  testing::RunRanks(static_cast<int>(mine.size()),
                    [&](testing::TestRank& self) {
                      agreed[self.rank] = Agree(*self.world, mine[self.rank]);
                    });
  return agreed;
}

TEST(AgreeTest, AllAreWell) {
  const std::vector<absl::Status> well(3);
  EXPECT_EQ(Agreed(well), well);
}

TEST(AgreeTest, AllGetTheErrorOfTheLowestRank) {
  const absl::Status error =
      absl::ResourceExhaustedError("a:1: colons: \nand lines stay");
  const absl::Status other = absl::NotFoundError("other");
  EXPECT_EQ(Agreed({absl::OkStatus(), error, other}),
            std::vector<absl::Status>(3, error));
}

TEST(AgreeTest, AnErrorMayHaveNoMessage) {
  const absl::Status error = absl::InternalError("");
  EXPECT_EQ(Agreed({error, absl::OkStatus()}),
            std::vector<absl::Status>(2, error));
}

}  // namespace
}  // namespace cogdist
