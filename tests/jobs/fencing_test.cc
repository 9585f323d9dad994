// Two attempts of one run at the same time: the ranks of the first were cut off
// and are thought dead, a second one was started, then the first ones wake up.

#include <map>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/jobs/checkpoint_job.h"

namespace cogdist::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kArgs[] =
    "--set parallel.zero_stage=1 --set checkpoint.every_steps=2 "
    "--set checkpoint.keep_last=100 --set train_steps=100000000 ";

class FencingTest : public CheckpointJob {
 protected:
  // An attempt that stands still when it has written a checkpoint or more.
  std::unique_ptr<BackgroundJob> StartAndFreeze(int64_t after_step,
                                                int delay_microseconds) {
    auto job = Start(2, kArgs, "zombie");
    EXPECT_TRUE(WaitUntil([&] {
      return NewestReported(job->Output()) >= after_step;
    })) << job->Output();
    usleep(delay_microseconds);
    job->SignalRanks(SIGSTOP);
    return job;
  }

  // By attempt, of all checkpoints that a reader would take.
  std::map<std::string, std::vector<int64_t>> Writers() const {
    std::map<std::string, std::vector<int64_t>> writers;
    const auto folders = ListCheckpoints(PosixFileSystem(), dir_ / "run");
    for (const CheckpointFolder& folder : *folders) {
      const auto checkpoint = OpenCheckpoint(PosixFileSystem(), folder.path);
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
      if (!checkpoint.ok()) continue;
      writers[checkpoint->manifest.attempt()].push_back(folder.step);
    }
    return writers;
  }
  std::string Owner() const {
    const std::string text = ReadBytes(dir_ / "run/OWNER");
    return text.substr(0, text.find('\n'));
  }
};

TEST_F(FencingTest, AnAttemptThatWakesUpCommitsNothing) {
  const int64_t draws = Environment("COGDIST_RANDOM_DRAWS", 1);
  std::mt19937_64 random(Environment("COGDIST_RANDOM_SEED", 1));
  for (int64_t round = 0; round < draws && !HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::filesystem::remove_all(dir_ / "run");
    const auto zombie = StartAndFreeze(4, random() % 20000);
    const int64_t before = NewestWhole();
    const auto writers_before = Writers();
    ASSERT_EQ(writers_before.size(), 1);

    const ProcessResult second =
        Run(2, absl::StrCat(kArgs, "--steps ", 1 + random() % 6));
    ASSERT_EQ(second.exit_code, 0) << second.output;
    const int64_t last = NewestWhole();
    // The first may have frozen between its commit and the report.
    EXPECT_GE(last, before + 1);
    const auto writers = Writers();
    const std::vector<std::string> names = CheckpointNames();
    EXPECT_EQ(writers.size(), 2);

    zombie->SignalRanks(SIGCONT);
    const ProcessResult end = zombie->Wait();
    EXPECT_EQ(end.exit_code, 93) << end.output;
    EXPECT_THAT(end.output, HasSubstr("taken over"));
    EXPECT_EQ(Writers(), writers);
    EXPECT_EQ(CheckpointNames(), names);
    EXPECT_EQ(NewestWhole(), last);
    EXPECT_TRUE(writers.count(Owner())) << Owner();
  }
}

// The two also write at the same time.
TEST_F(FencingTest, AnAttemptThatWakesUpDoesNotDisturbTheOther) {
  const auto zombie = StartAndFreeze(6, 0);
  const auto second = Start(2, absl::StrCat(kArgs, "--steps 60 "), "second");
  ASSERT_TRUE(WaitUntil([&] { return NewestReported(second->Output()) > 0; }))
      << second->Output();
  zombie->SignalRanks(SIGCONT);
  const ProcessResult end = zombie->Wait();
  EXPECT_EQ(end.exit_code, 93) << end.output;
  const ProcessResult good = second->Wait();
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_THAT(good.output, Not(HasSubstr("could not be written")));
  EXPECT_THAT(CheckpointNames(), Each(Not(HasSubstr(".tmp-"))));
  const int64_t last = NewestWhole();
  const std::vector<int64_t> of_owner = Writers()[Owner()];
  ASSERT_FALSE(of_owner.empty());
  EXPECT_EQ(of_owner.front(), last);
}

}  // namespace
}  // namespace cogdist::testing
