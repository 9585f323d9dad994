// When checkpoints are written and what is told of them, on two ranks with a
// make-believe model and a file system in memory.

#include "launcher/checkpointing.h"

#include <cerrno>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "launcher/config.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/run_owner.h"
#include "tests/launcher/small_config.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CheckpointingTest : public ::testing::Test {
 protected:
  CheckpointingTest() : config_(SmallConfig()) {
    COG_CHECK_OK(files_.CreateDirectory("run"));
    config_.set_run_dir("run");
    config_.mutable_checkpoint()->set_every_steps(2);
  }

  static CheckpointTrainState At(int64_t step) {
    CheckpointTrainState state;
    state.set_step(step);
    state.set_optimizer_updates(step);
    return state;
  }

  // One rank of a run: steps first to last, as the trainer makes them. The
  // status is that of the first call that failed.
  absl::Status Steps(RankContext& context, ParamStore& params,
                     Checkpointing& checkpointing, int64_t first,
                     int64_t last) {
    for (int64_t step = first; step <= last; ++step) {
      FillStore(step, context, params);
      COG_RETURN_IF_ERROR(step == last
                              ? checkpointing.WriteNow(params, At(step))
                              : checkpointing.AfterStep(params, At(step)));
    }
    return absl::OkStatus();
  }

  // A start of the run on all ranks; steps 1 to `last`.
  absl::Status Run(int64_t last, int64_t restored_step = -1) {
    absl::Status result;
    lines_.clear();
    OnRanks(layout_, [&](RankContext& context, ParamStore& params) {
      const auto attempt = BeginAttempt(files_, "run", *context.groups.world);
      COG_CHECK_OK(attempt.status());
      Checkpointing checkpointing(ArgsOf(context, *attempt, restored_step));
      const absl::Status mine =
          Steps(context, params, checkpointing,
                std::max<int64_t>(restored_step, 1), last);
      if (context.rank() == 0) result = mine;
    });
    return result;
  }

  Checkpointing::Args ArgsOf(RankContext& context, const std::string& attempt,
                             int64_t restored_step = -1) {
    Checkpointing::Tell tell = [](bool, absl::string_view) {};
    if (context.rank() == 0) {
      tell = [this](bool warning, absl::string_view line) {
        lines_.push_back(absl::StrCat(warning ? "warning: " : "", line));
      };
    }
    return {.files = files_,
            .config = config_,
            .context = context,
            .attempt = attempt,
            .restored_step = restored_step,
            .tell = tell};
  }

  std::vector<std::string> Names() {
    return *files_.ListDirectory("run/checkpoints");
  }

  const Layout layout_ = {.data = 2, .stage = 1, .small = true};
  RunConfig config_;
  FakeFileSystem files_;
  std::vector<std::string> lines_;  // rank 0's
};

TEST_F(CheckpointingTest, WritesWhatIsDueAndTheEnd) {
  for (const bool async : {true, false}) {
    config_.mutable_checkpoint()->set_async(async);
    ASSERT_EQ(Run(5), absl::OkStatus());
    EXPECT_THAT(Names(),
                ElementsAre("step_00000002", "step_00000004", "step_00000005"));
    EXPECT_THAT(lines_,
                ElementsAre(StartsWith("checkpoint of step 2 written in "),
                            StartsWith("checkpoint of step 4 written in "),
                            StartsWith("checkpoint of step 5 written in ")));
    for (const int64_t step : {2, 4, 5}) {
      COG_CHECK_OK(DeleteCheckpoint(
          files_, {.step = step, .path = CheckpointPath("run", step)}));
    }
  }
}

TEST_F(CheckpointingTest, WithoutAScheduleTheEndIsAll) {
  config_.mutable_checkpoint()->set_every_steps(0);
  ASSERT_EQ(Run(5), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("step_00000005"));
}

TEST_F(CheckpointingTest, TheManifestSaysWhatWroteIt) {
  config_.mutable_parallel()->set_zero_stage(1);
  ASSERT_EQ(Run(3), absl::OkStatus());
  const auto stored = OpenCheckpoint(files_, "run/checkpoints/step_00000003");
  ASSERT_TRUE(stored.ok()) << stored.status();
  const CheckpointManifest& manifest = stored->manifest;
  EXPECT_EQ(manifest.layout().world_size(), 2);
  EXPECT_EQ(manifest.layout().data(), 2);
  EXPECT_EQ(manifest.layout().tensor(), 1);
  EXPECT_EQ(manifest.layout().zero_stage(), 1);
  EXPECT_THAT(manifest.program_version(), StartsWith("cogdist "));
  EXPECT_EQ(manifest.train_state().optimizer_updates(), 3);
  EXPECT_EQ(manifest.config().SerializeAsString(), config_.SerializeAsString());
}

TEST_F(CheckpointingTest, RetentionIsTheConfigurations) {
  config_.mutable_checkpoint()->set_keep_last(2);
  config_.mutable_checkpoint()->set_keep_every_steps(4);
  ASSERT_EQ(Run(10), absl::OkStatus());
  EXPECT_THAT(Names(),
              ElementsAre("step_00000004", "step_00000008", "step_00000010"));
}

// The end of a run that was resumed and had nothing more to do.
TEST_F(CheckpointingTest, AStepIsWrittenOnce) {
  ASSERT_EQ(Run(3, /*restored_step=*/3), absl::OkStatus());
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(CheckpointingTest, AFailedWriteIsAWarningAndTheRunGoesOn) {
  files_.Fail({.call = FileCall::kAppend, .error = ENOSPC, .path = "00000002"});
  ASSERT_EQ(Run(5), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("step_00000004", "step_00000005"));
  EXPECT_THAT(
      lines_[0],
      StartsWith("warning: the checkpoint of step 2 could not be written: "));
  EXPECT_THAT(lines_[0], HasSubstr("No space left"));
}

TEST_F(CheckpointingTest, AFailureAtTheEndIsAnError) {
  files_.Fail({.call = FileCall::kSync,
               .error = EIO,
               .path = "00000005",
               .times = 100});
  const absl::Status status = Run(5);
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsAborted(status)) << status;
  EXPECT_THAT(Names(), ElementsAre("step_00000002", "step_00000004"));
}

TEST_F(CheckpointingTest, OldOnesThatCannotBeDeletedAreAWarning) {
  config_.mutable_checkpoint()->set_keep_last(1);
  files_.Fail({.call = FileCall::kRenameNoReplace,
               .error = EACCES,
               .path = "step_00000002.trash"});
  ASSERT_EQ(Run(4), absl::OkStatus());
  ASSERT_EQ(lines_.size(), 3);
  EXPECT_THAT(lines_[2], StartsWith("warning: older checkpoints could not"));
}

// A disk that is slower than the schedule: nothing is left out, and no two
// writes overlap.
TEST_F(CheckpointingTest, ASlowDiskHoldsTrainingUpAndLosesNothing) {
  config_.mutable_checkpoint()->set_every_steps(1);
  config_.mutable_checkpoint()->set_keep_last(10);
  files_.SetHook([](FileCall call, absl::string_view path) {
    if (call == FileCall::kSync && absl::StrContains(path, "shard")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  ASSERT_EQ(Run(4), absl::OkStatus());
  EXPECT_EQ(Names().size(), 4);
  EXPECT_LE(files_.most_open_files(), layout_.ranks());
}

TEST_F(CheckpointingTest, AnAttemptThatWasTakenOverEnds) {
  for (const bool at_the_end : {false, true}) {
    SCOPED_TRACE(at_the_end);
    std::vector<absl::Status> owned(2), ended(2);
    OnRanks(layout_, [&](RankContext& context, ParamStore& params) {
      Communicator& world = *context.groups.world;
      const auto first = BeginAttempt(files_, "run", world);
      COG_CHECK_OK(first.status());
      Checkpointing checkpointing(ArgsOf(context, *first));
      owned[context.rank()] = checkpointing.CheckOwnership();
      if (context.rank() == 0) {
        COG_CHECK_OK(TakeOwnership(files_, "run").status());
      }
      world.Barrier();
      EXPECT_TRUE(absl::IsAborted(checkpointing.CheckOwnership()));
      ended[context.rank()] = Steps(context, params, checkpointing,
                                    at_the_end ? 7 : 1, at_the_end ? 7 : 20);
    });
    for (int rank = 0; rank < 2; ++rank) {
      EXPECT_EQ(owned[rank], absl::OkStatus());
      EXPECT_TRUE(absl::IsAborted(ended[rank])) << ended[rank];
    }
    for (const std::string& name : Names()) {
      EXPECT_TRUE(absl::StrContains(name, ".tmp-")) << name;
    }
  }
}

// Also where no checkpoint is due, and where the last one was written before.
TEST_F(CheckpointingTest, RankZeroLooksWhetherTheRunIsStillItsOwn) {
  OnRanks(layout_, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    const auto first = BeginAttempt(files_, "run", world);
    COG_CHECK_OK(first.status());
    Checkpointing::Args args = ArgsOf(context, *first, /*restored_step=*/3);
    Checkpointing seldom(args);
    args.look_every_seconds = 0;
    Checkpointing often(args);
    EXPECT_FALSE(often.SeenTakenOver());
    EXPECT_EQ(often.WriteNow(params, At(3)), absl::OkStatus());
    if (context.rank() == 0) {
      COG_CHECK_OK(TakeOwnership(files_, "run").status());
    }
    world.Barrier();
    EXPECT_EQ(often.SeenTakenOver(), context.rank() == 0);
    EXPECT_FALSE(seldom.SeenTakenOver());
    EXPECT_TRUE(absl::IsAborted(often.WriteNow(params, At(3))));
  });
}

}  // namespace
}  // namespace cogdist::testing
