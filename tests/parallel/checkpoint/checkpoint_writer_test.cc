#include "parallel/checkpoint/checkpoint_writer.h"

#include <cerrno>
#include <condition_variable>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/run_owner.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CheckpointWriterTest : public ::testing::Test {
 protected:
  CheckpointWriterTest() { COG_CHECK_OK(files_.CreateDirectory("run")); }

  std::vector<std::string> Names() {
    return *files_.ListDirectory("run/checkpoints");
  }
  std::vector<std::string> NamesIn(const std::string& name) {
    return *files_.ListDirectory("run/checkpoints/" + name);
  }

  const Layout small_ = {.data = 2, .stage = 1, .small = true};
  FakeFileSystem files_;
};

TEST_F(CheckpointWriterTest, WritesAFolderForEachSave) {
  const auto outcomes = SaveAt(files_, small_, {3, 12}, {.keep_last = 5});
  EXPECT_EQ(outcomes[0], absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("step_00000003", "step_00000012"));
  EXPECT_THAT(
      NamesIn("step_00000012"),
      ElementsAre("manifest.pb", "manifest.pbtxt", "shard_00000.safetensors",
                  "shard_00001.safetensors"));
  const auto stored = OpenCheckpoint(files_, "run/checkpoints/step_00000012");
  ASSERT_TRUE(stored.ok()) << stored.status();
  const CheckpointManifest& manifest = stored->manifest;
  EXPECT_EQ(manifest.train_state().optimizer_updates(), 11);
  EXPECT_EQ(manifest.program_version(), "test");
  EXPECT_THAT(manifest.save_id(), SizeIs(32));
  EXPECT_THAT(manifest.attempt(), StartsWith("1-"));
  // In each shard, too.
  EXPECT_THAT(*ReadAll(files_, stored->path + "/shard_00001.safetensors"),
              HasSubstr(manifest.save_id()));
  // Data once, manifest, its text, and OWNER at the start.
  EXPECT_EQ(files_.calls(FileCall::kSync), 1 + 2 * (2 + 2));
}

TEST_F(CheckpointWriterTest, KeepsTheNewestAndTheMilestones) {
  SaveAt(files_, {.small = true}, {10, 20, 30, 40, 50, 60},
         {.keep_last = 2, .keep_every_steps = 20});
  EXPECT_THAT(Names(), ElementsAre("step_00000020", "step_00000040",
                                   "step_00000050", "step_00000060"));
}

TEST_F(CheckpointWriterTest, DamagedCheckpointsDoNotCountAsKept) {
  SaveAt(files_, {.small = true}, {1, 2, 3}, {.keep_last = 3});
  files_.Overwrite("run/checkpoints/step_00000003/manifest.pb", "");
  SaveAt(files_, {.small = true}, {4}, {.keep_last = 2});
  EXPECT_THAT(Names(),
              ElementsAre("step_00000002", "step_00000003", "step_00000004"));
}

// Whatever fails, in whatever call: the save fails, the next one succeeds.
TEST_F(CheckpointWriterTest, FailuresAreReportedAndTheRunGoesOn) {
  for (const FileCall call :
       {FileCall::kCreateFile, FileCall::kAppend, FileCall::kSync,
        FileCall::kClose, FileCall::kCreateDirectory,
        FileCall::kRenameNoReplace, FileCall::kSyncDirectory}) {
    for (const int64_t skip : {0, 1}) {
      SCOPED_TRACE(absl::StrCat(static_cast<int>(call), " ", skip));
      FakeFileSystem files;
      ASSERT_TRUE(files.CreateDirectory("run").ok());
      files.Fail({.call = call,
                  .error = call == FileCall::kAppend ? ENOSPC : EIO,
                  .path = "step_",
                  .skip = skip});
      const std::vector<absl::Status> outcomes =
          SaveAt(files, small_, {1, 2, 3});
      EXPECT_FALSE(outcomes[0].ok() && outcomes[1].ok());
      EXPECT_EQ(outcomes[2], absl::OkStatus());
      EXPECT_EQ(RestoredStep(files, small_), 3);
      const auto names = files.ListDirectory("run/checkpoints");
      EXPECT_THAT(*names, ElementsAre("step_00000003"));
      if (skip == 0) {
        EXPECT_THAT(std::string(outcomes[0].message()), HasSubstr("step_"));
      }
    }
  }
}

TEST_F(CheckpointWriterTest, AFullDiskLeavesTheOlderCheckpoint) {
  SaveAt(files_, small_, {1});
  files_.SetCapacity(400'000);
  int64_t newest = 1;
  const auto outcomes = SaveAt(files_, small_, {2, 3, 4}, {.keep_last = 9});
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].ok()) newest = static_cast<int64_t>(i) + 2;
  }
  EXPECT_EQ(outcomes.back().code(), absl::StatusCode::kResourceExhausted)
      << outcomes.back();
  EXPECT_EQ(RestoredStep(files_, small_), newest);
}

TEST_F(CheckpointWriterTest, TrainingGoesOnWhileTheDiskIsSlow) {
  std::mutex mutex;
  std::condition_variable open;
  bool is_open = false;
  files_.SetHook([&](FileCall call, absl::string_view path) {
    if (call != FileCall::kAppend || !absl::StrContains(path, "shard")) return;
    std::unique_lock<std::mutex> lock(mutex);
    open.wait(lock, [&] { return is_open; });
  });
  OnRanks(small_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(files_, "run", world);
    ASSERT_TRUE(attempt.ok());
    CheckpointWriter writer(WriterOptions(files_, *attempt), world);
    EXPECT_FALSE(writer.Poll().has_value());
    FillStore(5, context, params);
    writer.Start(params, *context.streams.compute, HeadAt(5));
    for (int step = 6; step < 20; ++step) {
      FillStore(step, context, params);
      EXPECT_FALSE(writer.Poll().has_value());
      EXPECT_TRUE(writer.busy());
    }
    {
      const std::lock_guard<std::mutex> lock(mutex);
      is_open = true;
    }
    open.notify_all();
    const auto outcome = writer.Finish();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->status, absl::OkStatus());
    EXPECT_EQ(outcome->step, 5);
    EXPECT_EQ(outcome->path, "run/checkpoints/step_00000005");
    EXPECT_GT(outcome->bytes, 0);
    EXPECT_FALSE(writer.busy());
    EXPECT_FALSE(writer.Finish().has_value());
  });
  EXPECT_EQ(RestoredStep(files_, small_), 5);
}

TEST_F(CheckpointWriterTest, PollingAloneBringsASaveToItsEnd) {
  OnRanks(small_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(files_, "run", world);
    CheckpointWriter writer(WriterOptions(files_, *attempt), world);
    writer.Start(params, *context.streams.compute, HeadAt(1));
    std::optional<CheckpointWriter::Outcome> outcome;
    while (!outcome.has_value()) outcome = writer.Poll();
    EXPECT_EQ(outcome->status, absl::OkStatus());
  });
}

TEST_F(CheckpointWriterTest, AnAttemptThatWasReplacedCannotCommit) {
  SaveAt(files_, small_, {1});
  OnRanks(small_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(files_, "run", world);
    ASSERT_TRUE(attempt.ok());
    EXPECT_THAT(*attempt, StartsWith("2-"));
    CheckpointWriter writer(WriterOptions(files_, *attempt), world);
    std::string newer;
    if (context.rank() == 0) newer = *TakeOwnership(files_, "run");
    world.Barrier();
    writer.Start(params, *context.streams.compute, HeadAt(2));
    const auto outcome = writer.Finish();
    EXPECT_TRUE(absl::IsAborted(outcome->status)) << outcome->status;
    EXPECT_THAT(std::string(outcome->status.message()), HasSubstr(*attempt));
    if (context.rank() == 0) {
      EXPECT_THAT(std::string(outcome->status.message()), HasSubstr(newer));
      EXPECT_TRUE(CheckOwnership(files_, "run", newer).ok());
    }
  });
  EXPECT_THAT(Names(), ElementsAre("step_00000001"));
}

// The newer attempt deletes what the older one is writing.
TEST_F(CheckpointWriterTest, ANewAttemptCleansUpUnderAnOldOne) {
  SaveAt(files_, small_, {1});
  OnRanks(small_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(files_, "run", world);
    CheckpointWriter writer(WriterOptions(files_, *attempt), world);
    writer.Start(params, *context.streams.compute, HeadAt(2));
    ASSERT_TRUE(BeginAttempt(files_, "run", world).ok());
    EXPECT_FALSE(writer.Finish()->status.ok());
  });
  EXPECT_EQ(RestoredStep(files_, small_), 1);
}

// A rank of the older attempt still writes its shard: while the newer one
// deletes its folder, and even under its new name, whose deletion then fails.
TEST_F(CheckpointWriterTest, ALivingWriterDoesNotKeepANewAttemptFromStarting) {
  ASSERT_TRUE(files_.CreateDirectory("run/checkpoints").ok());
  const std::string left = "run/checkpoints/step_00000002.tmp-1-ab-cd";
  ASSERT_TRUE(files_.CreateDirectory(left).ok());
  ASSERT_TRUE(files_.CreateFile(left + "/shard_00000.safetensors").ok());
  files_.SetHook([&](FileCall call, absl::string_view path) {
    if (call != FileCall::kRemoveDirectory ||
        !absl::StrContains(path, ".trash-")) {
      return;
    }
    EXPECT_FALSE(files_.CreateFile(left + "/shard_00001.safetensors").ok());
    EXPECT_TRUE(files_.CreateFile(absl::StrCat(path, "/.nfs0001")).ok());
  });
  EXPECT_EQ(SaveAt(files_, small_, {3})[0], absl::OkStatus());
  ASSERT_THAT(Names(), SizeIs(2));
  EXPECT_THAT(Names()[0], StartsWith("step_00000002.trash-"));
  files_.SetHook(nullptr);
  EXPECT_EQ(SaveAt(files_, small_, {4})[0], absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("step_00000004"));
}

// An older attempt that wakes up late leaves the newer one's checkpoints alone.
TEST_F(CheckpointWriterTest, AnAttemptThatWasReplacedChangesNothing) {
  SaveAt(files_, small_, {1, 2, 3}, {.keep_last = 3});
  const std::vector<std::string> names = Names();
  for (const char* attempt : {"1-abc", "2-abc", ""}) {
    EXPECT_TRUE(
        absl::IsAborted(SetAsideNewer(files_, "run", 1, attempt).status()));
    EXPECT_TRUE(absl::IsAborted(ApplyRetention({.files = files_,
                                                .run_dir = "run",
                                                .attempt = attempt,
                                                .retention = {.keep_last = 1},
                                                .committed = 3})));
  }
  EXPECT_EQ(Names(), names);
}

TEST_F(CheckpointWriterTest, TheFoldersAboveTheRunAreDurable) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("a").ok());
  ASSERT_TRUE(files.CreateDirectory("a/b").ok());
  ASSERT_TRUE(files.CreateDirectory("a/b/run").ok());
  RunRankContexts(1, [&](RankContext& context) {
    EXPECT_TRUE(BeginAttempt(files, "a/b/run", *context.groups.world).ok());
  });
  const auto after = files.AfterCrash(Survivors::kDurable);
  EXPECT_TRUE(*after->Exists("a/b/run/checkpoints"));
  EXPECT_TRUE(*after->Exists("a/b/run/OWNER"));
}

TEST_F(CheckpointWriterTest, RanksWithDirectoriesOfTheirOwnAreFoundAtOnce) {
  FakeFileSystem other;
  ASSERT_TRUE(other.CreateDirectory("run").ok());
  OnRanks({.data = 3}, [&](RankContext& context, ParamStore&) {
    const absl::Status begun =
        BeginAttempt(context.rank() == 1 ? other : files_, "run",
                     *context.groups.world)
            .status();
    EXPECT_TRUE(absl::IsFailedPrecondition(begun)) << begun;
    EXPECT_THAT(std::string(begun.message()),
                AllOf(StartsWith("run_dir: rank 1 on "),
                      HasSubstr("does not see run/checkpoints/attempt_1-"),
                      HasSubstr("that all ranks share")));
  });
  EXPECT_THAT(Names(), IsEmpty());
}

// Or later, when one of them has lost the file system.
TEST_F(CheckpointWriterTest, AShardThatRank0DoesNotSeeIsNotCommitted) {
  FakeFileSystem other;
  other.SetHook([&](FileCall call, absl::string_view path) {
    if (call != FileCall::kCreateFile) return;
    for (size_t end = path.find('/'); end != path.npos;
         end = path.find('/', end + 1)) {
      other.CreateDirectory(path.substr(0, end)).IgnoreError();
    }
  });
  OnRanks(small_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(files_, "run", world);
    ASSERT_TRUE(attempt.ok()) << attempt.status();
    CheckpointWriter writer(
        WriterOptions(context.rank() == 1 ? other : files_, *attempt), world);
    writer.Start(params, *context.streams.compute, HeadAt(2));
    const auto outcome = writer.Finish();
    EXPECT_TRUE(absl::IsUnavailable(outcome->status)) << outcome->status;
    EXPECT_THAT(std::string(outcome->status.message()),
                AllOf(HasSubstr("shard_00001.safetensors: rank 1 has written"),
                      HasSubstr("rank 0 does not see the file")));
  });
  EXPECT_THAT(Names(), IsEmpty());
}

// What a crash in between leaves.
TEST_F(CheckpointWriterTest, OnlyOurOwnLeftoversAreDeleted) {
  for (const char* name :
       {"attempt_1-ab.tmp-cd", "step_00000001.tmp-1-ab-cd",
        "step_00000001.trash-ab", "mine.tmp-1", "step_00000001.old-1-ab"}) {
    const std::string path = absl::StrCat("run/checkpoints/", name);
    files_.CreateDirectory("run/checkpoints").IgnoreError();
    ASSERT_TRUE(files_.CreateDirectory(path).ok());
  }
  SaveAt(files_, small_, {2});
  EXPECT_THAT(Names(), ElementsAre("mine.tmp-1", "step_00000001.old-1-ab",
                                   "step_00000002"));
}

TEST_F(CheckpointWriterTest, NewerCheckpointsAreSetAside) {
  SaveAt(files_, small_, {1, 2, 3}, {.keep_last = 3});
  const std::string attempt = *TakeOwnership(files_, "run");
  const auto moved = SetAsideNewer(files_, "run", 1, attempt);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_THAT(*moved, SizeIs(2));
  EXPECT_THAT(Names(),
              ElementsAre("step_00000001", "step_00000002.old-" + attempt,
                          "step_00000003.old-" + attempt));
  EXPECT_EQ(SaveAt(files_, small_, {2})[0], absl::OkStatus());
  EXPECT_EQ(RestoredStep(files_, small_), 2);
}

TEST_F(CheckpointWriterTest, OtherNamesAreNoCheckpoints) {
  SaveAt(files_, small_, {123'456'789});
  for (const char* name : {"step_1", "step_00000002x", "step_", "latest",
                           "step_-0000001", "step_+0000003"}) {
    ASSERT_TRUE(
        files_.CreateDirectory(absl::StrCat("run/checkpoints/", name)).ok());
  }
  const auto folders = ListCheckpoints(files_, "run");
  ASSERT_TRUE(folders.ok());
  ASSERT_THAT(*folders, SizeIs(1));
  EXPECT_EQ((*folders)[0].step, 123'456'789);
}

}  // namespace
}  // namespace cogdist::testing
