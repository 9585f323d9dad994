// `cogdist checkpoint list`, `inspect` and `verify`: the program itself on
// checkpoints of a make-believe model.

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "runtime/file.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNewest[] = "run/checkpoints/step_00000200";

CheckpointManifest Head(int64_t step) {
  CheckpointManifest head = HeadAt(step);
  head.mutable_train_state()->set_tokens(1024 * step);
  head.mutable_train_state()->set_samples(8 * step);
  head.mutable_train_state()->set_seed(77);
  RunConfig& config = *head.mutable_config();
  config.set_name("make_believe");
  config.set_train_steps(500);
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_num_layers(4);
  model.set_hidden_size(20);
  CheckpointLayout& layout = *head.mutable_layout();
  layout.set_world_size(4);
  layout.set_data(2);
  layout.set_tensor(2);
  layout.set_zero_stage(1);
  return head;
}

// A folder with "run", whose checkpoints are of steps 100 and 200.
class CheckpointCommandsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    std::filesystem::create_directory(*dir_ / "run");
    OnRanks({.data = 2, .tensor = 2, .stage = 1},
            [](RankContext& context, ParamStore& params) {
              Save(context, params);
            });
    COG_CHECK_OK(WriteFileAtomically(*dir_ / "run.pbtxt",
                                     "run_dir: \"run\" train_steps: 500"));
    std::filesystem::create_directory(
        *dir_ / "run/checkpoints/step_00000300.tmp-1-a-b");
  }
  static void TearDownTestSuite() { delete dir_; }

  static void Save(RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    CheckpointWriter::Options options =
        WriterOptions(PosixFileSystem(), "", {.keep_last = 2});
    options.run_dir = *dir_ / "run";
    options.attempt = *BeginAttempt(PosixFileSystem(), options.run_dir, world);
    CheckpointWriter writer(options, world);
    for (const int64_t step : {100, 200}) {
      FillStore(step, context, params);
      writer.Start(params, *context.streams.compute, Head(step));
      const auto outcome = writer.Finish();
      COG_CHECK_OK(outcome->status);
    }
  }

  static ProcessResult Run(absl::string_view args) {
    return RunShell(absl::StrCat(COGDIST_BINARY, " checkpoint ", args),
                    dir_->path());
  }

  // A damaged file for the time of a scope.
  class Damage {
   public:
    Damage(const std::string& name, const std::string& contents)
        : path_(*dir_ / name), whole_(*ReadFile(path_)) {
      COG_CHECK_OK(WriteFileAtomically(path_, contents));
    }
    ~Damage() { COG_CHECK_OK(WriteFileAtomically(path_, whole_)); }

   private:
    std::string path_, whole_;
  };

  static std::string Flipped(const std::string& name, size_t from_end) {
    std::string bytes = *ReadFile(*dir_ / name);
    bytes[bytes.size() - from_end] ^= 1;
    return bytes;
  }

  static TempDir* dir_;
};

TempDir* CheckpointCommandsTest::dir_ = nullptr;

TEST_F(CheckpointCommandsTest, ListShowsARunsCheckpointsNewestFirst) {
  const ProcessResult list = Run("list run");
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.output, HasSubstr("       200      205k"));
  EXPECT_THAT(list.output, HasSubstr("4 ranks: data 2 (ZeRO 1), tensor 2\n"));
  EXPECT_LT(list.output.find("  200  "), list.output.find("  100  "));
  EXPECT_THAT(list.output,
              HasSubstr("no checkpoint: "
                        "run/checkpoints/step_00000300.tmp-1-a-b\n"));
  EXPECT_EQ(Run("list run/").output, list.output);
  EXPECT_EQ(Run("list run.pbtxt").output, list.output);
}

TEST_F(CheckpointCommandsTest, ListSaysWhatCannotBeUsed) {
  const Damage damage(absl::StrCat(kNewest, "/shard_00002.safetensors"), "x");
  const ProcessResult list = Run("list run");
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.output,
              HasSubstr("not usable: run/checkpoints/step_00000200/"
                        "shard_00002.safetensors: has 1 bytes"));
  EXPECT_THAT(list.output, HasSubstr("4 ranks"));  // the other one
}

TEST_F(CheckpointCommandsTest, NamesThatAreNoCheckpointsAreRefused) {
  std::filesystem::create_directories(*dir_ / "empty/checkpoints");
  std::filesystem::create_directories(*dir_ / "nothing");
  EXPECT_THAT(Run("list empty").output, HasSubstr("no checkpoints in empty/"));
  EXPECT_EQ(Run("list empty").exit_code, 0);
  const struct {
    std::string args;
    const char* message;
  } kCases[] = {
      {"list none", "none: there is no such file or folder"},
      {"list nothing", "nothing is no run directory"},
      {absl::StrCat("list ", kNewest), "is a checkpoint, not a run"},
      {"list", "RUN_DIR|CONFIG is missing"},
      {"inspect nothing", "nothing is no run directory"},
      {"verify empty", "empty: the run has no checkpoints"},
      {"verify run --tensor x", "no flag --tensor; it takes no flags"},
      {"inspect run --tensor block0.out", "did you mean 'block0.o'?"},
      {"lst run", "did you mean 'checkpoint list'?"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.args);
    const ProcessResult result = Run(test.args);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("cogdist: error: "), HasSubstr(test.message)));
  }
}

TEST_F(CheckpointCommandsTest, InspectShowsStateShardsAndTensors) {
  const ProcessResult inspect = Run(absl::StrCat("inspect ", kNewest));
  EXPECT_EQ(inspect.exit_code, 0);
  for (const char* text :
       {"step_00000200\n", "step:          200, 199 updates",
        "205k tokens in 1600 sequences; seed 77", "make_believe",
        "4 layers, hidden 20", "data 2 (ZeRO 1), tensor 2", "test, attempt 1-",
        "in 4 shards, 66 tensors", "      3  3 ", "shard_00003.safetensors\n",
        // Boxes of two tensor ranks, each shared out to two replicas.
        "  adam_v  float32  [129, 101]", "0-3         block1.up\n",
        "  param   float32  [37, 131]"}) {
    EXPECT_THAT(inspect.output, HasSubstr(text));
  }
  EXPECT_EQ(Run("inspect run").output, inspect.output);
  const ProcessResult config = Run("inspect run --config");
  EXPECT_THAT(config.output, AllOf(HasSubstr("name: \"make_believe\""),
                                   Not(HasSubstr("shard"))));
}

TEST_F(CheckpointCommandsTest, InspectShowsATensorsValues) {
  const std::vector<float> values =
      Expected(100, {.name = "block2.up", .shape = Shape({129, 101})}, ADAM_M,
               {0, 129 * 101});
  double sum = 0, squares = 0, min = 0, max = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
    min = std::min(min, value);
    max = std::max(max, value);
  }
  const ProcessResult inspect =
      Run("inspect run/checkpoints/step_00000100 --tensor block2.up.adam_m");
  EXPECT_EQ(inspect.exit_code, 0);
  EXPECT_THAT(inspect.output,
              HasSubstr("adam_m, float32 [129, 101], 50.9 KiB\n"));
  EXPECT_THAT(inspect.output,
              HasSubstr("box [129, 51] at [0, 50], elements 0 to 4095, byte "));
  EXPECT_THAT(inspect.output, HasSubstr("13029, 0 not finite, 0 zero\n"));
  EXPECT_THAT(inspect.output,
              HasSubstr(absl::StrFormat("min:           %.9g\n", min)));
  EXPECT_THAT(inspect.output,
              HasSubstr(absl::StrFormat("max:           %.9g\n", max)));
  // Slices add up in another order: not to the last digits.
  const auto begin = [](const char* label, double value) {
    return absl::StrFormat("%-15s%.9g", label, value).substr(0, 22);
  };
  EXPECT_THAT(inspect.output, HasSubstr(begin("mean:", sum / 13029)));
  EXPECT_THAT(inspect.output,
              HasSubstr(begin("rms:", std::sqrt(squares / 13029))));
}

TEST_F(CheckpointCommandsTest, VerifyOfWholeCheckpointsExitsZero) {
  const ProcessResult all = Run("verify run");
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.output, AllOf(HasSubstr("step_00000200: whole, 66 tensors"),
                                HasSubstr("step_00000100: whole")));
  const ProcessResult one = Run(absl::StrCat("verify ", kNewest, "/"));
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_THAT(one.output, Not(HasSubstr("step_00000100")));
}

TEST_F(CheckpointCommandsTest, VerifyNamesWhatIsDamagedAndExitsOne) {
  const std::string shard = absl::StrCat(kNewest, "/shard_00001.safetensors");
  {
    const Damage damage(shard, Flipped(shard, 3));
    const ProcessResult verify = Run("verify run");
    EXPECT_EQ(verify.exit_code, 1);
    EXPECT_THAT(verify.output,
                AllOf(HasSubstr("step_00000200: DAMAGED, 1 fault\n"),
                      HasSubstr(absl::StrCat(shard,
                                             ": tensor block3.up.adam_v: "
                                             "the checksum of")),
                      HasSubstr("step_00000100: whole")));
    EXPECT_EQ(Run("verify run/checkpoints/step_00000100").exit_code, 0);
  }
  {
    const std::string manifest = absl::StrCat(kNewest, "/manifest.pb");
    const Damage damage(manifest, Flipped(manifest, 100));
    const ProcessResult verify = Run(absl::StrCat("verify ", kNewest));
    EXPECT_EQ(verify.exit_code, 1);
    EXPECT_THAT(verify.output, HasSubstr(absl::StrCat(manifest, ": ")));
  }
  EXPECT_EQ(Run("verify run").exit_code, 0);
}

TEST_F(CheckpointCommandsTest, HelpIsComplete) {
  const ProcessResult group = Run("--help");
  EXPECT_EQ(group.exit_code, 0);
  for (const char* name : {"list", "inspect", "verify", "export", "import"}) {
    EXPECT_THAT(group.output, HasSubstr(absl::StrCat("\n  ", name, " ")));
    const ProcessResult help = Run(absl::StrCat(name, " --help"));
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.output,
                HasSubstr(absl::StrCat("Usage: cogdist checkpoint ", name)));
  }
  EXPECT_EQ(Run("").exit_code, 2);
}

}  // namespace
}  // namespace cogdist::testing
