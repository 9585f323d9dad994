// The program stops after every call that changes the disk in turn, and the
// machine keeps what it must, all, or anything between.

#include <vector>

#include "gmock/gmock.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::ElementsAre;

constexpr Survivors kSurvivors[] = {Survivors::kDurable, Survivors::kEverything,
                                    Survivors::kTornInOrder, Survivors::kTorn};

// The run as the next start finds it: the newest whole checkpoint has every
// bit, is not older than `durable`, and the run goes on.
void ExpectUsable(FakeFileSystem& files, const Layout& layout, int64_t durable,
                  int64_t newest) {
  const int64_t step = RestoredStep(files, layout);
  EXPECT_GE(step, durable);
  EXPECT_LE(step, newest);
  EXPECT_EQ(SaveAt(files, layout, {9})[0], absl::OkStatus());
  EXPECT_EQ(RestoredStep(files, layout), 9);
  // Of what the crash has left, only checkpoints are still there.
  const auto names = files.ListDirectory("run/checkpoints");
  ASSERT_TRUE(names.ok());
  EXPECT_THAT(*names, ElementsAre("step_00000009"));
}

// Two saves, of which the second deletes the first one's checkpoint.
void CrashEverywhere(const Layout& layout, int seeds) {
  for (int64_t stop = 0;; ++stop) {
    SCOPED_TRACE(stop);
    FakeFileSystem files;
    ASSERT_TRUE(files.CreateDirectory("run").ok());
    ASSERT_TRUE(files.SyncDirectory("/").ok());
    files.StopAfter(files.changes() + stop);
    int64_t durable = -1;
    const std::vector<absl::Status> outcomes = SaveAt(files, layout, {1, 2});
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].ok()) durable = static_cast<int64_t>(i) + 1;
    }
    for (const Survivors survivors : kSurvivors) {
      const bool random =
          survivors == Survivors::kTorn || survivors == Survivors::kTornInOrder;
      for (int seed = 0; seed < (random ? seeds : 1); ++seed) {
        const auto after = files.AfterCrash(survivors, seed);
        ExpectUsable(*after, layout, durable, 2);
      }
    }
    if (!files.stopped()) break;
    if (::testing::Test::HasFailure()) break;
  }
}

TEST(CrashTest, OneRank) { CrashEverywhere({.small = true}, 3); }

TEST(CrashTest, TwoRanks) {
  CrashEverywhere({.data = 2, .stage = 1, .small = true}, 1);
}

}  // namespace
}  // namespace cogdist::testing
