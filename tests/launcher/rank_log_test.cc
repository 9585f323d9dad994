#include "launcher/rank_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "runtime/check.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(RankLogTest, FormatsTimeLevelStepAndMessage) {
  EXPECT_EQ(FormatLogLine(LogLevel::kWarning, 12,
                          absl::FromUnixMillis(1767225600250), "two\nlines"),
            "2026-01-01T00:00:00.250Z warning step 12: two\n    lines\n");
}

TEST(RankLogTest, WritesAllLevelsAndShowsWarningsAndErrors) {
  const TempDir dir;
  std::ostringstream console;
  absl::StatusOr<RankLog> log = RankLog::Open(dir / "log", &console);
  ASSERT_TRUE(log.ok());
  CurrentRankTag().step = 7;
  log->Info("one");
  log->Warning("two");
  log->Error("three");
  CurrentRankTag().step = 0;
  EXPECT_EQ(console.str(), "cogdist: warning: two\ncogdist: error: three\n");
  EXPECT_THAT(*ReadFile(dir / "log"),
              MatchesRegex("[-0-9]+T[:.0-9]+Z info step 7: one\n"
                           "[-0-9]+T[:.0-9]+Z warning step 7: two\n"
                           "[-0-9]+T[:.0-9]+Z error step 7: three\n"));
}

TEST(RankLogTest, OtherRanksShowNothingAndFilesGoOn) {
  const TempDir dir;
  for (const char* message : {"first", "second"}) {
    absl::StatusOr<RankLog> log = RankLog::Open(dir / "log", nullptr);
    ASSERT_TRUE(log.ok());
    log->Warning(message);
  }
  EXPECT_THAT(*ReadFile(dir / "log"), HasSubstr("first"));
  EXPECT_THAT(*ReadFile(dir / "log"), HasSubstr("second"));
}

TEST(RankLogTest, AFullDiskDoesNotEndTheRun) {
  std::ostringstream console;
  absl::StatusOr<RankLog> log = RankLog::Open("/dev/full", &console);
  ASSERT_TRUE(log.ok()) << log.status();
  log->Warning("still here");
  EXPECT_EQ(console.str(), "cogdist: warning: still here\n");
}

}  // namespace
}  // namespace cogdist
