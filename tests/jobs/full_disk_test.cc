// Checkpoints on a disk that is full, or that nobody may write to: real ones,
// mounted in a name space of the test's own.

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/jobs/checkpoint_job.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The prefix of a command that may mount; empty: nobody may here.
std::string WhoMayMount() {
  for (const char* prefix :
       {"unshare --mount", "unshare --user --map-root-user --mount"}) {
    const ProcessResult tried =
        RunShell(absl::StrCat(prefix, " mount -t tmpfs -o size=1m none /mnt"));
    if (tried.exit_code == 0) return prefix;
  }
  return "";
}

class FullDiskTest : public CheckpointJob {
 protected:
  // What `script` prints, up to each line "== NAME" that it echoes. "$TRAIN"
  // stands for cogdist on two ranks, which says "exit CODE" at its end.
  std::vector<std::string> Sections(absl::string_view may_mount,
                                    absl::string_view script) const {
    std::ofstream(dir_ / "train.sh") << Command(2, "\"$@\"") << "\n"
                                     << "echo exit $?\n";
    std::ofstream(dir_ / "script.sh") << script;
    const ProcessResult result = RunShell(
        absl::StrCat("TRAIN='sh train.sh' ", may_mount, " sh -e script.sh"),
        dir_.path());
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return absl::StrSplit(result.output, "== ");
  }
  // Uninterrupted, in the folder "whole".
  void TrainInPeace(absl::string_view args) const {
    const ProcessResult whole =
        Run(2, absl::StrCat(args, "--set run_dir=whole"));
    ASSERT_EQ(whole.exit_code, 0) << whole.output;
  }
};

int Count(absl::string_view text, absl::string_view part) {
  int count = 0;
  for (size_t at = text.find(part); at != text.npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

constexpr char kSkipped[] =
    "nobody may mount here: neither this user nor one of a new name space";

// There is room for two checkpoints of 0.7 MB: the third one and those after it
// fail; when there is room again, the run goes on from the second.
TEST_F(FullDiskTest, TheRunGoesOnAndOlderCheckpointsStayWhole) {
  const std::string may_mount = WhoMayMount();
  if (may_mount.empty()) GTEST_SKIP() << kSkipped;
  const std::string args =
      "--set train_steps=12 --set checkpoint.every_steps=2 --set "
      "checkpoint.keep_last=100 --set parallel.zero_stage=1 ";
  ASSERT_NO_FATAL_FAILURE(TrainInPeace(args));
  const std::vector<std::string> sections =
      Sections(may_mount, absl::StrCat("mkdir run\n"
                                       "mount -t tmpfs -o size=1800k none run\n"
                                       "$TRAIN ",
                                       args, "\n",
                                       "ls run/checkpoints\n"
                                       "mount -o remount,size=20m run\n"
                                       "echo '== room'\n"
                                       "$TRAIN ",
                                       args, "\n", "cp -r run/. copy\n"));
  ASSERT_EQ(sections.size(), 2);
  const std::string& full = sections[0];
  EXPECT_THAT(full, HasSubstr("No space left on device"));
  ASSERT_THAT(full, HasSubstr("exit 1"));
  EXPECT_THAT(full.substr(full.find("exit 1")), Not(HasSubstr(".tmp-")));
  EXPECT_GE(Count(full, "could not be written"), 3) << full;
  const int64_t newest = NewestReported(full);
  EXPECT_GE(newest, 2) << full;
  EXPECT_LT(newest, 12) << full;
  EXPECT_THAT(sections[1],
              AllOf(HasSubstr(absl::StrFormat("step_%08d", newest)),
                    HasSubstr("exit 0")));
  EXPECT_EQ(NewestWhole("copy"), 12);
  EXPECT_EQ(Bits("copy"), Bits("whole"));
}

TEST_F(FullDiskTest, AFolderThatNobodyMayWriteToStopsNoTraining) {
  const std::string may_mount = WhoMayMount();
  if (may_mount.empty()) GTEST_SKIP() << kSkipped;
  const std::string args =
      "--set train_steps=8 --set checkpoint.every_steps=2 ";
  ASSERT_NO_FATAL_FAILURE(TrainInPeace(args));
  const std::vector<std::string> sections = Sections(
      may_mount, absl::StrCat("$TRAIN ", args, "--steps 3\n",
                              "mount --bind run/checkpoints run/checkpoints\n"
                              "mount -o remount,bind,ro run/checkpoints\n"
                              "echo '== checkpoints'\n"
                              "$TRAIN ",
                              args, "\n",
                              "umount run/checkpoints\n"
                              "mount --bind run run\n"
                              "mount -o remount,bind,ro run\n"
                              "echo '== run directory'\n"
                              "$TRAIN ",
                              args, "\n",
                              "umount run\n"
                              "echo '== writable'\n"
                              "$TRAIN ",
                              args, "\n"));
  ASSERT_EQ(sections.size(), 4);
  EXPECT_THAT(sections[0], HasSubstr("exit 0"));
  // Steps 4, 6 and 8.
  EXPECT_EQ(Count(sections[1], "could not be written"), 4) << sections[1];
  EXPECT_THAT(sections[1],
              AllOf(HasSubstr("exit 1"), HasSubstr("Read-only file system")));
  EXPECT_THAT(sections[2], AllOf(HasSubstr("exit 2"), HasSubstr("run_dir"),
                                 HasSubstr("Read-only file system")));
  EXPECT_THAT(sections[3],
              AllOf(HasSubstr("exit 0"), HasSubstr("step_00000003")));
  EXPECT_EQ(NewestWhole(), 8);
  EXPECT_EQ(Bits(), Bits("whole"));
}

// Files that may not grow beyond what a shard needs: without any rights.
TEST_F(FullDiskTest, ALimitOfFileSizesIsLikeAFullDisk) {
  const std::string args =
      "--set train_steps=8 --set checkpoint.every_steps=2 ";
  ASSERT_EQ(Run(1, absl::StrCat(args, "--set run_dir=whole")).exit_code, 0);
  ASSERT_EQ(Run(1, absl::StrCat(args, "--steps 1")).exit_code, 0);
  const ProcessResult limited =
      RunShell(absl::StrCat("ulimit -f 800; ", Command(1, args)), dir_.path());
  EXPECT_EQ(limited.exit_code, 1) << limited.output;
  EXPECT_EQ(Count(limited.output, "could not be written"), 5) << limited.output;
  EXPECT_THAT(limited.output, HasSubstr("File too large"));
  EXPECT_EQ(NewestWhole(), 1);
  const ProcessResult resumed = Run(1, args);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(NewestWhole(), 8);
  EXPECT_EQ(Bits(), Bits("whole"));
}

}  // namespace
}  // namespace cogdist::testing
