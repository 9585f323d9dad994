// Which checkpoint a start goes on from, on ranks as threads with a
// make-believe model and a file system in memory.

#include "launcher/resume.h"

#include "gmock/gmock.h"
#include "launcher/config.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "tests/launcher/small_config.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

using From = ResumeOptions::From;

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() : config_(SmallConfig()) { config_.set_run_dir("run"); }

  // A run of `dir` that has saved at these steps.
  void Save(const std::vector<int64_t>& steps, const std::string& dir = "run",
            const Layout& layout = {.data = 2, .small = true}) {
    if (!*files_.Exists(dir)) COG_CHECK_OK(files_.CreateDirectory(dir));
    OnRanks(layout, [&](RankContext& context, ParamStore& params) {
      Communicator& world = *context.groups.world;
      const auto attempt = BeginAttempt(files_, dir, world);
      COG_CHECK_OK(attempt.status());
      CheckpointWriter::Options options =
          WriterOptions(files_, *attempt, {.keep_last = 10});
      options.run_dir = dir;
      CheckpointWriter writer(options, world);
      for (const int64_t step : steps) {
        FillStore(step, context, params);
        CheckpointManifest head = HeadAt(step);
        *head.mutable_config() = config_;
        writer.Start(params, *context.streams.compute, head);
        EXPECT_EQ(writer.Finish()->status, absl::OkStatus());
      }
    });
  }

  struct Start {
    absl::StatusOr<std::optional<int64_t>> found = std::nullopt;
    absl::StatusOr<Resumed> resumed = absl::UnknownError("not tried");
  };
  // What rank 0 gets; the stores of all are checked.
  Start Resume(const ResumeOptions& options,
               const Layout& layout = {.data = 2, .small = true}) {
    Start start;
    OnRanks(layout, [&](RankContext& context, ParamStore& params) {
      Communicator& world = *context.groups.world;
      const auto found = FindStepToResume(files_, config_, options, world);
      absl::StatusOr<Resumed> resumed = absl::UnknownError("not tried");
      if (found.ok() && found->has_value()) {
        const auto attempt = BeginAttempt(files_, "run", world);
        COG_CHECK_OK(attempt.status());
        resumed = cogdist::Resume({.files = files_,
                                   .config = config_,
                                   .options = options,
                                   .attempt = *attempt,
                                   .context = context,
                                   .params = params});
        if (resumed.ok()) ExpectStore(StepOf(*resumed), params);
      }
      if (context.rank() == 0) start = {found, resumed};
    });
    return start;
  }

  static int64_t StepOf(const Resumed& resumed) {
    return resumed.checkpoint.manifest.train_state().step();
  }
  static std::string Path(int64_t step) { return CheckpointPath("run", step); }
  void Damage(const std::string& path) {
    std::string bytes = *ReadAll(files_, path);
    bytes[bytes.size() / 2] ^= 1;
    files_.Overwrite(path, bytes);
  }
  std::vector<std::string> Names(const std::string& dir = "run") {
    return *files_.ListDirectory(dir + "/checkpoints");
  }

  RunConfig config_;
  FakeFileSystem files_;
};

TEST_F(ResumeTest, WithoutCheckpointsItIsAFreshStart) {
  COG_CHECK_OK(files_.CreateDirectory("run"));
  for (const From from : {From::kNewest, From::kNothing}) {
    const Start start = Resume({.from = from});
    ASSERT_TRUE(start.found.ok()) << start.found.status();
    EXPECT_FALSE(start.found->has_value());
  }
  config_.set_run_dir("nowhere");
  EXPECT_TRUE(Resume({}).found.ok());
}

TEST_F(ResumeTest, GoesOnFromTheNewest) {
  Save({2, 4, 6});
  const Start start = Resume({});
  ASSERT_TRUE(start.resumed.ok()) << start.resumed.status();
  EXPECT_EQ(*start.found, 6);
  EXPECT_EQ(StepOf(*start.resumed), 6);
  EXPECT_TRUE(start.resumed->own);
  EXPECT_THAT(start.resumed->warnings, IsEmpty());
  EXPECT_THAT(start.resumed->notes, IsEmpty());
}

TEST_F(ResumeTest, OtherLayoutsGoOn) {
  Save({3}, "run", {.data = 2, .tensor = 2, .stage = 3, .small = true});
  for (const Layout& layout :
       {Layout{.small = true}, Layout{.data = 3, .stage = 2, .small = true},
        Layout{.tensor = 4, .small = true}}) {
    const Start start = Resume({}, layout);
    EXPECT_TRUE(start.resumed.ok()) << start.resumed.status();
  }
}

TEST_F(ResumeTest, NoneLooksAtNothing) {
  Save({2});
  files_.Overwrite(Path(2) + "/manifest.pb", "");
  const Start start = Resume({.from = From::kNothing});
  ASSERT_TRUE(start.found.ok());
  EXPECT_FALSE(start.found->has_value());
}

// A manifest is looked at before anything is touched, shards only later.
class DamagedFileTest : public ResumeTest,
                        public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Files, DamagedFileTest,
                         ::testing::Values("/manifest.pb",
                                           "/shard_00001.safetensors"));

TEST_P(DamagedFileTest, IsPassedOverAndSetAside) {
  Save({2, 4, 6});
  Damage(Path(6) + GetParam());
  const Start start = Resume({});
  ASSERT_TRUE(start.resumed.ok()) << start.resumed.status();
  EXPECT_EQ(StepOf(*start.resumed), 4);
  EXPECT_THAT(start.resumed->warnings,
              ElementsAre(AllOf(StartsWith("a checkpoint was passed over: "),
                                HasSubstr(Path(6) + GetParam()))));
  EXPECT_THAT(start.resumed->notes,
              ElementsAre(StartsWith("set aside: " + Path(6) + ".old-")));
  EXPECT_THAT(Names(), UnorderedElementsAre("step_00000002", "step_00000004",
                                            StartsWith("step_00000006.old-")));
}

TEST_P(DamagedFileTest, IfAllAreItIsRefused) {
  Save({2, 4});
  for (const int64_t step : {2, 4}) Damage(Path(step) + GetParam());
  const Start start = Resume({});
  const absl::Status status =
      start.found.ok() ? start.resumed.status() : start.found.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("--resume none"), HasSubstr(Path(2) + GetParam()),
                    HasSubstr(Path(4) + GetParam())));
  EXPECT_THAT(Names(), ElementsAre("step_00000002", "step_00000004"));
}

TEST_F(ResumeTest, GoingBackSetsLaterOnesAside) {
  Save({2, 4, 6});
  const Start start =
      Resume({.from = From::kCheckpoint, .checkpoint = Path(4)});
  ASSERT_TRUE(start.resumed.ok()) << start.resumed.status();
  EXPECT_EQ(StepOf(*start.resumed), 4);
  EXPECT_TRUE(start.resumed->own);
  EXPECT_THAT(Names(), UnorderedElementsAre("step_00000002", "step_00000004",
                                            StartsWith("step_00000006.old-")));
}

TEST_F(ResumeTest, AnotherRunsCheckpointReplacesAll) {
  Save({2, 4, 6});
  Save({3}, "other");
  const Start start = Resume(
      {.from = From::kCheckpoint, .checkpoint = CheckpointPath("other", 3)});
  ASSERT_TRUE(start.resumed.ok()) << start.resumed.status();
  EXPECT_EQ(StepOf(*start.resumed), 3);
  EXPECT_FALSE(start.resumed->own);
  EXPECT_EQ(start.resumed->notes.size(), 3);
  EXPECT_THAT(*ListCheckpoints(files_, "run"), IsEmpty());
  EXPECT_THAT(Names("other"), ElementsAre("step_00000003"));
}

TEST_F(ResumeTest, ANamedCheckpointMustBeWhole) {
  Save({2, 4});
  Damage(Path(4) + "/manifest.pb");
  for (const std::string& path : {Path(4), std::string("run/nothing")}) {
    const Start start = Resume({.from = From::kCheckpoint, .checkpoint = path});
    EXPECT_EQ(start.found.status().code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(start.found.status().message()),
                AllOf(StartsWith("--resume: "), HasSubstr(path)));
  }
  EXPECT_THAT(Names(), ElementsAre("step_00000002", "step_00000004"));
}

TEST_F(ResumeTest, TheConfigurationMustMatchBeforeAnythingIsTouched) {
  Save({2, 4});
  config_.set_seed(7);
  config_.set_train_steps(30);
  const int64_t changes = files_.changes();
  const Start start = Resume({});
  EXPECT_EQ(start.found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(start.found.status().message()),
              AllOf(StartsWith("seed: 7, but 1234 in the checkpoint"),
                    HasSubstr(Path(4))));
  EXPECT_EQ(files_.changes(), changes);
  const Start allowed = Resume({.allowed_changes = {"seed"}});
  ASSERT_TRUE(allowed.resumed.ok()) << allowed.resumed.status();
  EXPECT_THAT(
      allowed.resumed->notes,
      ElementsAre("changed seed: 1234 -> 7", "changed train_steps: 20 -> 30"));
}

// The newest one matches and is damaged in a shard; the one before does not.
TEST_F(ResumeTest, AnOlderOneMustMatchToo) {
  config_.set_seed(7);
  Save({2});
  config_.set_seed(1234);
  Save({4});
  Damage(Path(4) + "/shard_00000.safetensors");
  const Start start = Resume({});
  EXPECT_EQ(start.resumed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(start.resumed.status().message()),
              HasSubstr("seed: 1234, but 7 in"));
}

}  // namespace
}  // namespace cogdist::testing
