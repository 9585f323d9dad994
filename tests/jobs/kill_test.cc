// A run whose processes are killed, or asked to stop, at random times, again
// and again, each time to be started again on another layout: no checkpoint
// that was reported is lost, none is damaged, and in the end every bit is that
// of the run that nobody touched.
//
// COGDIST_RANDOM_DRAWS and COGDIST_RANDOM_SEED say how often and where from.

#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/jobs/checkpoint_job.h"

namespace cogdist::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTrainSteps = 150;

struct Layout {
  int ranks;
  const char* sets;
};
constexpr Layout kAlone = {1, ""};
constexpr Layout kLayouts[] = {
    {4, "--set parallel.zero_stage=1 "},
    {4, "--set parallel.zero_stage=3 --set parallel.pipeline=2 "},
    {2, "--set parallel.zero_stage=2 "},
    {2, "--set parallel.pipeline=2 --set parallel.virtual_pipeline=2 "},
    kAlone,
};

enum class Strike { kNone, kKillRank, kKillLauncher, kStop };

class KillTest : public CheckpointJob {
 protected:
  static std::string Args(const Layout& layout, absl::string_view run) {
    return absl::StrCat(
        layout.sets, "--set run_dir=", run, " --set train_steps=", kTrainSteps,
        " --set deterministic=LAYOUT_INVARIANT --set checkpoint.every_steps=3 "
        "--set checkpoint.keep_last=2 --set checkpoint.keep_every_steps=50 ");
  }
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  // A start of the run that somebody strikes at, and what must hold afterwards.
  void Attempt();
  // Trains the rest in peace.
  void Finish();

  std::map<Strike, int> strikes;
  int hung = 0;

 private:
  // Some time after the job's start.
  Strike StrikeAt(const BackgroundJob& job);
  void ExpectStopped(const ProcessResult& end, size_t lines_before) const;

  std::mt19937_64 random_{
      static_cast<uint64_t>(Environment("COGDIST_RANDOM_SEED", 1))};
  int64_t reported_ = -1;  // the newest durable step of the run
  // Whose launcher was killed: its ranks may still live.
  std::unique_ptr<BackgroundJob> orphans_;
};

Strike KillTest::StrikeAt(const BackgroundJob& job) {
  WaitUntil([&] { return !job.Ranks().empty(); }, 10);
  if (Below(4) == 0) {
    usleep(Below(1'200'000));
  } else {
    // While it trains, however long its start takes.
    WaitUntil([&] { return absl::StrContains(job.Output(), "traffic:"); }, 10);
    usleep(Below(300'000));
  }
  const std::vector<pid_t> ranks = job.Ranks();
  if (ranks.empty()) return Strike::kNone;
  const pid_t rank = ranks[Below(ranks.size())];
  switch (Below(8)) {
    case 0:
      kill(rank, SIGTERM);
      return Strike::kStop;
    case 1:
      kill(job.pid(), SIGUSR1);  // mpirun passes it on
      return Strike::kStop;
    case 2:
      kill(job.pid(), SIGKILL);
      return Strike::kKillLauncher;
    default:
      kill(rank, SIGKILL);
      return Strike::kKillRank;
  }
}

// A stop that was asked for has written the last step, unless it was asked for
// before the program could listen, or when it was done.
void KillTest::ExpectStopped(const ProcessResult& end,
                             size_t lines_before) const {
  const std::vector<nlohmann::json> lines = Metrics();
  if (end.exit_code == 75) {
    EXPECT_THAT(end.output, HasSubstr("stopped by "));
    EXPECT_EQ(NewestWhole(), lines.back()["step"]);
  } else if (lines.back()["step"] != kTrainSteps) {
    EXPECT_EQ(lines.size(), lines_before) << end.exit_code << end.output;
  }
}

void KillTest::Attempt() {
  const size_t lines_before = Metrics().size();
  const Layout& layout = kLayouts[Below(std::size(kLayouts))];
  auto job = Start(layout.ranks, Args(layout, "run"));
  const Strike strike = StrikeAt(*job);
  if (!WaitUntil([&] { return job->Ended(); }, 20)) {
    // Open MPI 4.1's mpirun may wait for ever for a rank that was killed in
    // MPI_Init(); who started it has to end it.
    EXPECT_EQ(Metrics().size(), lines_before);
    job->Kill();
    ++hung;
  }
  const ProcessResult end = job->Wait();
  ++strikes[strike];
  SCOPED_TRACE(end.output);
  EXPECT_NE(end.exit_code, 2);
  const int64_t reported_before = reported_;
  reported_ = std::max(reported_, NewestReported(end.output));
  if (strike == Strike::kKillLauncher && layout.ranks > 1) {
    orphans_ = std::move(job);
    return;
  }
  EXPECT_TRUE(WaitUntil([&] { return job->Ranks().empty(); }, 20));
  if (orphans_ != nullptr) {
    // They may have committed before this attempt began.
    EXPECT_TRUE(WaitUntil([&] { return orphans_->Ranks().empty(); }, 20));
    reported_ = std::max(reported_, NewestReported(orphans_->Output()));
    orphans_ = nullptr;
    EXPECT_GE(NewestWhole(), reported_);
    return;
  }
  EXPECT_GE(NewestWhole(), reported_);
  if (const auto lines = Metrics(); lines.size() > lines_before) {
    EXPECT_GT(lines[lines_before]["step"], reported_before);
  }
  if (strike == Strike::kStop) ExpectStopped(end, lines_before);
}

void KillTest::Finish() {
  orphans_ = nullptr;
  const ProcessResult end = Run(1, Args(kAlone, "run"));
  ASSERT_EQ(end.exit_code, 0) << end.output;
  EXPECT_EQ(NewestWhole(), kTrainSteps);
  reported_ = -1;
}

TEST_F(KillTest, NothingIsLostAndNothingDiffers) {
  const ProcessResult whole = Run(1, Args(kAlone, "whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  const std::vector<std::string> expected = Bits("whole");
  ASSERT_EQ(expected.size(), kTrainSteps + 1);

  int64_t draws = Environment("COGDIST_RANDOM_DRAWS", 5);
  int runs = 0;
  for (; draws > 0 && !HasFailure(); ++runs) {
    std::filesystem::remove_all(dir_ / "run");
    // Metrics without a checkpoint would have to be moved aside by hand.
    const ProcessResult first =
        Run(1, absl::StrCat(Args(kAlone, "run"), "--steps 1"));
    ASSERT_EQ(first.exit_code, 0) << first.output;
    ASSERT_EQ(NewestReported(first.output), 1) << first.output;
    while (draws > 0 && Metrics().back()["step"] < kTrainSteps &&
           !HasFailure()) {
      SCOPED_TRACE(absl::StrCat("draws left: ", draws--));
      Attempt();
    }
    ASSERT_NO_FATAL_FAILURE(Finish());
    EXPECT_EQ(Bits(), expected);
  }
  std::cout << runs << " runs; ranks killed: " << strikes[Strike::kKillRank]
            << ", launchers killed: " << strikes[Strike::kKillLauncher]
            << ", stops: " << strikes[Strike::kStop]
            << ", too late: " << strikes[Strike::kNone]
            << "; launchers that hung: " << hung << "\n";
}

}  // namespace
}  // namespace cogdist::testing
