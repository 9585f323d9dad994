// Stopping and going on as users do it, by real processes: exit codes,
// messages, files. Bits of all kinds of runs are compared elsewhere.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/golden/golden_run.h"
#include "tests/launcher/program_job.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kConfig[] = R"(
name: "small"
model {
  cogformer {
    vocab_size: 257 num_layers: 2 hidden_size: 32 num_heads: 2
    ffn_size: 48 max_seq_len: 32
  }
}
data { train { prefix: "text" } eos_token_id: 256 }
batch { global_batch_size: 4 }
lr_schedule { peak_lr: 1e-2 warmup_steps: 5 }
train_steps: 12
tokenizer: "bytes"
checkpoint { every_steps: 5 }
run_dir: "run"
)";

class ResumeProgramTest : public testing::ProgramJob {
 protected:
  ResumeProgramTest() : ProgramJob(kConfig) {}

  static void Expect(int exit_code, const ProcessResult& process) {
    EXPECT_EQ(process.exit_code, exit_code) << process.output;
  }
  static std::string Name(int64_t step) {
    return absl::StrFormat("run/checkpoints/step_%08d", step);
  }
  std::string Weights(const std::string& run) const {
    return ReadBytes(dir_ / (run + "/weights/model.safetensors"));
  }
};

TEST_F(ResumeProgramTest, GoesOnWhereItStoppedOnAnyRanks) {
  Expect(0, Run("config.pbtxt --set run_dir=whole"));
  Expect(0, Run("config.pbtxt --steps 3"));
  EXPECT_TRUE(Exists(Name(3) + "/manifest.pb"));
  const ProcessResult more = Run("config.pbtxt --steps 4", 2);
  Expect(0, more);
  EXPECT_THAT(more.output, AllOf(HasSubstr("goes on from " + Name(3)),
                                 HasSubstr("goes on at step 4"),
                                 HasSubstr("checkpoint of step 5 written")));
  Expect(0, Run("config.pbtxt"));
  const std::map<int64_t, Json> whole = ReadSteps(dir_ / "whole/metrics.jsonl");
  const std::map<int64_t, Json> parts = ReadSteps(dir_ / "run/metrics.jsonl");
  ASSERT_EQ(parts.size(), 12);
  for (const auto& [step, line] : whole) {
    EXPECT_NEAR(parts.at(step)["loss"], line["loss"], 1e-5);
    EXPECT_EQ(parts.at(step)["tokens"], line["tokens"]);
    EXPECT_EQ(parts.at(step)["lr"], line["lr"]);
    EXPECT_EQ(parts.at(step)["attempt"], step <= 3 ? 1 : step <= 7 ? 2 : 3);
  }
  const ProcessResult done = Run("config.pbtxt");
  Expect(0, done);
  EXPECT_THAT(done.output, HasSubstr("done already"));
  EXPECT_EQ(Metrics().size(), 12);
}

// As a job script does it: again as long as the exit code is 75. The time is up
// before the first step, so that each start makes one.
TEST_F(ResumeProgramTest, StartedAgainAndAgainItGetsThere) {
  const std::string args = "config.pbtxt --set train_steps=7 ";
  Expect(0, Run(args + "--set run_dir=whole"));
  for (int64_t step = 1; step < 7; ++step) {
    const ProcessResult part = Run(args + "--set time_limit_seconds=1e-9");
    Expect(75, part);
    EXPECT_THAT(part.output,
                HasSubstr("start again to go on from " + Name(step)));
    EXPECT_FALSE(Exists("run/weights/model.safetensors"));
  }
  Expect(0, Run(args));
  EXPECT_EQ(Metrics().size(), 7);
  EXPECT_EQ(Weights("run"), Weights("whole"));
}

// The final weights of an earlier end are older than the newest checkpoint.
TEST_F(ResumeProgramTest, EvaluationTakesTheNewestWholeCheckpoint) {
  const std::string eval = "eval config.pbtxt --data text";
  const auto of = [&](const std::string& path) {
    const ProcessResult result = Run(eval + " --checkpoint " + path);
    Expect(0, result);
    return result.output;
  };
  Expect(0, Run("config.pbtxt --steps 3"));
  Expect(75, Run("config.pbtxt --set time_limit_seconds=1e-9"));
  const std::string at_step_3 = of("run/weights/model.safetensors");
  const std::string at_step_4 = of(Name(4));
  EXPECT_NE(at_step_3, at_step_4);
  EXPECT_EQ(Run(eval).output, at_step_4);

  std::filesystem::resize_file(dir_ / (Name(4) + "/shard_00000.safetensors"),
                               1000);
  const ProcessResult older = Run(eval);
  Expect(0, older);
  EXPECT_THAT(older.output, HasSubstr("a checkpoint was passed over: " +
                                      Name(4) + "/shard_00000.safetensors"));
  EXPECT_THAT(older.output, HasSubstr(at_step_3));

  std::filesystem::remove_all(dir_ / "run/checkpoints");
  EXPECT_EQ(Run(eval).output, at_step_3);
}

TEST_F(ResumeProgramTest, AnotherConfigurationIsRefused) {
  Expect(0, Run("config.pbtxt --steps 3"));
  const std::string before = ReadBytes(dir_ / "run/config.pbtxt");
  const std::string owner = ReadBytes(dir_ / "run/OWNER");
  for (const int ranks : {1, 2}) {
    const ProcessResult refused =
        Run("config.pbtxt --set optimizer.adamw.beta1=0.5 --set seed=5", ranks);
    Expect(2, refused);
    EXPECT_THAT(refused.output,
                AllOf(HasSubstr("optimizer.adamw.beta1: 0.5, but 0.9 in"),
                      HasSubstr("seed: 5, but 1234 in"),
                      HasSubstr("--allow_change seed"), HasSubstr(Name(3))));
  }
  EXPECT_EQ(ReadBytes(dir_ / "run/config.pbtxt"), before);
  EXPECT_EQ(ReadBytes(dir_ / "run/OWNER"), owner);
  const ProcessResult allowed =
      Run("config.pbtxt --set optimizer.adamw.beta1=0.5 --allow_change "
          "optimizer --set lr_schedule.peak_lr=1e-3 --steps 1");
  Expect(0, allowed);
  EXPECT_THAT(allowed.output,
              AllOf(HasSubstr("changed optimizer.adamw.beta1: 0.9 -> 0.5"),
                    HasSubstr("changed lr_schedule.peak_lr: 0.01 -> 0.001")));
  Expect(2, Run("config.pbtxt --allow_change lr_schedule"));
}

// The sequences go on where they were, and so do the counts.
TEST_F(ResumeProgramTest, TheBatchMayGrow) {
  Expect(0, Run("config.pbtxt --steps 3"));
  Expect(0, Run("config.pbtxt --steps 2 --set batch.global_batch_size=8 "
                "--allow_change global_batch_size"));
  const std::vector<Json> lines = Metrics();
  ASSERT_EQ(lines.size(), 5);
  EXPECT_EQ(lines[2]["samples"], 12);
  EXPECT_EQ(lines[3]["samples"], 20);
  EXPECT_EQ(lines[4]["samples"], 28);
  EXPECT_EQ(lines[4]["tokens"], 28 * 32);
}

TEST_F(ResumeProgramTest, GoesBackToADamagedOnesElder) {
  Expect(0, Run("config.pbtxt --steps 6"));
  const std::string shard = Name(6) + "/shard_00000.safetensors";
  {
    std::fstream file(dir_ / shard, std::ios::in | std::ios::out);
    file.seekp(-100, std::ios::end);
    file << "damage";
  }
  const ProcessResult resumed = Run("config.pbtxt --steps 1");
  Expect(0, resumed);
  EXPECT_THAT(resumed.output, AllOf(HasSubstr("passed over"), HasSubstr(shard),
                                    HasSubstr("goes on from " + Name(5))));
  EXPECT_TRUE(Exists(Name(6) + "/manifest.pb"));
  EXPECT_EQ(Metrics().back()["step"], 6);

  for (const int64_t step : {5, 6}) {
    std::filesystem::resize_file(dir_ / (Name(step) + "/manifest.pb"), 9);
  }
  const ProcessResult refused = Run("config.pbtxt");
  Expect(2, refused);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("--resume none"),
                                    HasSubstr(Name(5) + "/manifest.pb")));
}

TEST_F(ResumeProgramTest, GoesBackOrOnFromAnotherRun) {
  Expect(0, Run("config.pbtxt"));
  Expect(0, Run("config.pbtxt --steps 1 --resume " + Name(5)));
  EXPECT_TRUE(Exists(Name(6)));
  EXPECT_FALSE(Exists(Name(10)));
  const ProcessResult fork =
      Run("config.pbtxt --steps 2 --set run_dir=fork --resume " + Name(6));
  Expect(0, fork);
  EXPECT_TRUE(Exists("fork/checkpoints/step_00000006/manifest.pb"));
  EXPECT_TRUE(Exists("fork/checkpoints/step_00000008/manifest.pb"));
  Expect(2, Run("config.pbtxt --resume run/checkpoints"));
  Expect(0, Run("config.pbtxt --steps 1 --resume none"));
  EXPECT_TRUE(Exists("run/old_1/checkpoints/step_00000006"));
  EXPECT_EQ(Metrics().size(), 1);
  EXPECT_EQ(Metrics()[0]["attempt"], 1);
}

TEST_F(ResumeProgramTest, ModelsInCheckpointsCanBeUsed) {
  Expect(0, Run("config.pbtxt --set checkpoint.keep_last=9"));
  const std::string eval = "eval config.pbtxt --data text ";
  const ProcessResult weights = Run(eval);
  Expect(0, weights);
  EXPECT_EQ(Run(eval + "--checkpoint " + Name(12)).output, weights.output);
  const ProcessResult older = Run(eval + "--checkpoint " + Name(5));
  Expect(0, older);
  EXPECT_NE(older.output, weights.output);
  const std::string text = "generate config.pbtxt --prompt The --seed 1 ";
  const ProcessResult generated = Run(text);
  Expect(0, generated);
  // Without weights, those of the newest checkpoint.
  std::filesystem::remove_all(dir_ / "run/weights");
  EXPECT_EQ(Run(eval).output, weights.output);
  EXPECT_EQ(Run(text).output, generated.output);
  std::filesystem::remove_all(dir_ / "run/checkpoints");
  const ProcessResult none = Run(eval);
  Expect(2, none);
  EXPECT_THAT(none.output, HasSubstr("no whole checkpoint"));
}

}  // namespace
}  // namespace cogdist
