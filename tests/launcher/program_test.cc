// The program as its users run it: data preparation, training on one rank and
// under mpirun, evaluation, generation, and every way in which a run ends.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/launcher/program_job.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"(
name: "small"
model {
  cogformer {
    vocab_size: 257 num_layers: 3 hidden_size: 32 num_heads: 2
    ffn_size: 48 max_seq_len: 32
    attention { softmax_layers: 0 softmax_layers: -1 }
  }
}
data {
  train { prefix: "text_train" }
  validation { prefix: "text_validation" }
  eos_token_id: 256
}
batch { global_batch_size: 4 }
lr_schedule { peak_lr: 1e-2 warmup_steps: 5 }
train_steps: 20
tokenizer: "bytes"
evaluation { every_steps: 10 batches: 1000 }
run_dir: "run"
)";

class ProgramTest : public testing::ProgramJob {
 protected:
  ProgramTest() : ProgramJob(kConfig, kLong, "--validation_fraction 0.2") {}

  // With as many threads as the program takes of its own.
  ProcessResult Run(absl::string_view args) const {
    return RunShell(absl::StrCat(COGDIST_BINARY, " ", args), dir_.path());
  }
  ProcessResult MpiRun(int ranks, absl::string_view args) const {
    return RunShell(
        absl::StrCat(kMpiRun, "-np ", ranks, " ", COGDIST_BINARY, " ", args),
        dir_.path());
  }
};

// The number behind `key` in the output of `cogdist eval`.
double ValueOf(absl::string_view output, absl::string_view key) {
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    double value = 0;
    if (words[0] == key && absl::SimpleAtod(words.back(), &value)) return value;
  }
  ADD_FAILURE() << "no " << key << " in " << output;
  return 0;
}

TEST_F(ProgramTest, TrainsEvaluatesAndGenerates) {
  const ProcessResult trained = MpiRun(2, "config.pbtxt");
  ASSERT_EQ(trained.exit_code, 0) << trained.output;
  const std::vector<Json> metrics = Metrics();
  ASSERT_EQ(metrics.size(), 22);  // 20 steps, 2 validations
  EXPECT_LT(metrics[20]["loss"], 0.8 * metrics[0]["loss"].get<double>());
  for (const char* file :
       {"run/config.pbtxt", "run/weights/model.safetensors", "run/events",
        "run/log/rank_00000.log", "run/log/rank_00001.log"}) {
    EXPECT_TRUE(Exists(file)) << file;
  }

  // The resolved configuration is a configuration, and gives the same results.
  const ProcessResult one = Run("eval run/config.pbtxt");
  const ProcessResult two = MpiRun(2, "eval config.pbtxt");
  ASSERT_EQ(one.exit_code, 0) << one.output;
  ASSERT_EQ(two.exit_code, 0) << two.output;
  const double validation = metrics.back()["validation_loss"];
  EXPECT_NEAR(ValueOf(one.output, "loss"), validation, 2e-6);
  EXPECT_NEAR(ValueOf(two.output, "loss"), validation, 2e-6);
  EXPECT_NEAR(ValueOf(one.output, "perplexity"), std::exp(validation), 1e-3);
  // A byte is a token here, but for the one that ends a document.
  EXPECT_NEAR(ValueOf(one.output, "bits_per_byte"),
              validation / std::log(2.0) * 103 / 102, 0.02);

  const std::string generate = "generate config.pbtxt --prompt 'The ' ";
  const ProcessResult text = Run(generate + "--max_tokens 20 --seed 1");
  EXPECT_EQ(text.exit_code, 0) << text.output;
  EXPECT_THAT(text.output, ::testing::StartsWith("The "));
  EXPECT_EQ(text.output, Run(generate + "--max_tokens 20 --seed 1").output);
  EXPECT_NE(text.output, Run(generate + "--max_tokens 20 --seed 2").output);
  EXPECT_EQ(Run(generate + "--temperature 0 --seed 1").output,
            Run(generate + "--temperature 0 --seed 2").output);
}

TEST_F(ProgramTest, TheSameCommandGivesTheSameBits) {
  ASSERT_EQ(Run("config.pbtxt").exit_code, 0);
  ASSERT_EQ(Run("config.pbtxt --set run_dir=again").exit_code, 0);
  const std::string same =
      "cmp run/weights/model.safetensors "
      "again/weights/model.safetensors";
  EXPECT_EQ(RunShell(same, dir_.path()).exit_code, 0);
}

TEST_F(ProgramTest, StartsFromWeights) {
  ASSERT_EQ(Run("config.pbtxt").exit_code, 0);
  const double end = Metrics().back()["validation_loss"];
  const ProcessResult more =
      Run("config.pbtxt --set run_dir=more --set "
          "init_from=run/weights/model.safetensors --steps 1 --set "
          "lr_schedule.peak_lr=1e-9 --set evaluation.every_steps=1");
  ASSERT_EQ(more.exit_code, 0) << more.output;
  EXPECT_THAT(more.output,
              HasSubstr(absl::StrCat("validation loss ",
                                     absl::StrFormat("%.3f", end))));
}

TEST_F(ProgramTest, AStopRequestEndsCleanly) {
  for (const char* signal : {"TERM", "INT", "USR1"}) {
    SCOPED_TRACE(signal);
    std::filesystem::remove_all(dir_ / "run");
    const ProcessResult stopped = RunShell(
        absl::StrCat(
            COGDIST_BINARY,
            " config.pbtxt --resume none --set train_steps=100000000 & ",
            kAwaitStep, "; kill -", signal, " $!; wait $!"),
        dir_.path());
    EXPECT_EQ(stopped.exit_code, 75) << stopped.output;
    const int64_t step = Metrics().back()["step"];
    const std::string checkpoint =
        absl::StrFormat("run/checkpoints/step_%08d", step);
    EXPECT_THAT(stopped.output, HasSubstr("to go on from " + checkpoint));
    EXPECT_TRUE(Exists(checkpoint + "/manifest.pb"));
  }
}

TEST_F(ProgramTest, MpirunPassesAStopRequestOn) {
  const ProcessResult stopped =
      RunShell(absl::StrCat(kMpiRun, "-np 2 ", COGDIST_BINARY,
                            " config.pbtxt --set train_steps=100000000 & ",
                            kAwaitStep, "; kill -USR1 $!; wait $!"),
               dir_.path());
  EXPECT_EQ(stopped.exit_code, 75) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("start again to go on from"));
}

TEST_F(ProgramTest, TheTimeLimitStopsTheRun) {
  const ProcessResult stopped = Run(
      "config.pbtxt --set train_steps=100000000 --set time_limit_seconds=1");
  EXPECT_EQ(stopped.exit_code, 75) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("time limit"));
}

TEST_F(ProgramTest, GivesUpWhenNoStepIsFinite) {
  const ProcessResult run =
      Run("config.pbtxt --set lr_schedule.peak_lr=1e30 --set "
          "resilience.max_consecutive_skips=4 --set train_steps=1000");
  EXPECT_EQ(run.exit_code, 93) << run.output;
  EXPECT_THAT(run.output, HasSubstr("not finite"));
  const Json last = Metrics().back();
  EXPECT_TRUE(last["loss"].is_null());
  EXPECT_EQ(last["skipped"], true);
}

TEST_F(ProgramTest, AnOldRunIsNotOverwritten) {
  ASSERT_EQ(Run("config.pbtxt --steps 2").exit_code, 0);
  std::filesystem::remove_all(dir_ / "run/checkpoints");
  const ProcessResult refused = Run("config.pbtxt");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("--resume none"));
  EXPECT_EQ(Run("config.pbtxt --steps 3 --resume none").exit_code, 0);
  EXPECT_TRUE(Exists("run/old_1/metrics.jsonl"));
  EXPECT_EQ(Metrics().back()["step"], 3);
}

TEST_F(ProgramTest, AnErrorOnAllRanksIsReportedOnce) {
  const ProcessResult run =
      MpiRun(3, "config.pbtxt");  // 3 does not divide the batch of 4
  EXPECT_EQ(run.exit_code, 2) << run.output;
  const size_t first = run.output.find("batch.global_batch_size");
  EXPECT_NE(first, std::string::npos) << run.output;
  EXPECT_EQ(run.output.find("batch.global_batch_size:", first + 1),
            std::string::npos)
      << run.output;
}

TEST_F(ProgramTest, ADryRunPlansAndWritesNothing) {
  const ProcessResult run = Run("config.pbtxt --dry_run --ranks 4");
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("activations"));
  EXPECT_FALSE(Exists("run"));
}

// The one process that plans them could not hold the layout itself.
TEST_F(ProgramTest, ADryRunPlansRanksThatShareAModel) {
  const std::string layout =
      "config.pbtxt --dry_run --set parallel.tensor=2 "
      "--set parallel.pipeline=2 --ranks ";
  const ProcessResult run = Run(layout + "8");
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("8 ranks: data 2, tensor 2, pipeline 2"));
  EXPECT_THAT(run.output, HasSubstr("memory 1:"));
  EXPECT_THAT(run.output, HasSubstr("traffic 1:"));
  const ProcessResult refused = Run(layout + "6");
  EXPECT_EQ(refused.exit_code, 2) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("start 4 or 8 ranks"));
}

TEST_F(ProgramTest, TheLastOfSomeStepsIsWrittenAndEvaluated) {
  const std::string run = "config.pbtxt --set logging.log_every_steps=7 ";
  const ProcessResult ended = Run(run + "--steps 3");
  ASSERT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("done: 3 steps of 20"));
  const std::vector<Json> metrics = Metrics();
  ASSERT_EQ(metrics.size(), 2);
  EXPECT_EQ(metrics[0]["step"], 3);
  EXPECT_TRUE(metrics[0].contains("loss"));
  EXPECT_EQ(metrics[1]["step"], 3);
  EXPECT_TRUE(metrics[1].contains("validation_loss"));
  // What can be planned does not depend on what the run directory holds.
  EXPECT_EQ(Run(run + "--dry_run --set seed=1").exit_code, 0);
}

// A request to one rank stops all, and the summary of rank 0 says so.
TEST_F(ProgramTest, AnyRankCanBeAskedToStop) {
  std::ofstream(dir_ / "rank.sh")
      << COGDIST_BINARY << " config.pbtxt --set train_steps=100000000 &\n"
      << "[ $OMPI_COMM_WORLD_RANK = 0 ] || { " << kAwaitStep
      << "; kill -TERM $!; }\n"
      << "wait $!\n";
  const ProcessResult stopped =
      RunShell(absl::StrCat(kMpiRun, "-np 2 bash rank.sh"), dir_.path());
  EXPECT_EQ(stopped.exit_code, 75) << stopped.output;
  EXPECT_THAT(stopped.output,
              HasSubstr("stopped by SIGTERM to rank 1 after step"));
}

// Foreign data has no meta file, so a wrong id is met while training: the
// configuration was good, and the exit code says that the run failed.
TEST_F(ProgramTest, AWrongTokenInForeignDataFailsTheRun) {
  std::filesystem::remove(dir_ / "text_train.meta.json");
  std::ofstream(dir_ / "foreign.pbtxt")
      << absl::StrReplaceAll(kConfig, {{"eos_token_id: 256", ""},
                                       {"tokenizer: \"bytes\"", ""},
                                       {"vocab_size: 257", "vocab_size: 256"}});
  for (const int ranks : {1, 2}) {
    const ProcessResult run =
        MpiRun(ranks,
               "foreign.pbtxt --resume none --set data.validation=[] --set "
               "evaluation.every_steps=0");
    EXPECT_EQ(run.exit_code, 1) << run.output;
    EXPECT_THAT(run.output, HasSubstr("text_train.bin: token id 256 in "
                                      "document"));
  }
}

// A run directory is enough to use its model, and knows what data fits.
TEST_F(ProgramTest, TheRunKeepsItsTokenizer) {
  ASSERT_EQ(Run("prepare --output bpe --train_bpe 300 text.jsonl").exit_code,
            0);
  const std::string train =
      "config.pbtxt --steps 1 --set model.cogformer.vocab_size=300 --set "
      "data.train.0.prefix=bpe --set data.validation.0.prefix=bpe --set "
      "tokenizer=bpe_tokenizer.json --set data.eos_token_id=0";
  const ProcessResult trained = Run(train);
  ASSERT_EQ(trained.exit_code, 0) << trained.output;
  std::filesystem::remove(dir_ / "bpe_tokenizer.json");
  // A plan needs no files, but says which a run would miss.
  const ProcessResult planned = Run(train + " --dry_run");
  EXPECT_EQ(planned.exit_code, 0) << planned.output;
  EXPECT_THAT(planned.output, HasSubstr("warning: a run would fail"));
  EXPECT_THAT(planned.output, HasSubstr("bpe_tokenizer.json"));
  EXPECT_EQ(Run(train).exit_code, 2);

  const ProcessResult text = Run("generate run/config.pbtxt --max_tokens 3");
  EXPECT_EQ(text.exit_code, 0) << text.output;
  const ProcessResult twice =
      Run("eval run/config.pbtxt --data bpe --data bpe");
  EXPECT_EQ(twice.exit_code, 0) << twice.output;
  const ProcessResult other =
      Run("eval run/config.pbtxt --data text_validation");
  EXPECT_EQ(other.exit_code, 2) << other.output;
  EXPECT_THAT(other.output, HasSubstr("another tokenizer"));
}

TEST_F(ProgramTest, AModelThatDoesNotFitIsRefused) {
  const std::string large =
      "config.pbtxt --set model.cogformer.hidden_size=65536 --set "
      "model.cogformer.num_layers=1000 --set model.cogformer.num_heads=512";
  const ProcessResult refused = Run(large);
  EXPECT_EQ(refused.exit_code, 2) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("memory by plan"));
  EXPECT_FALSE(Exists("run"));
  const ProcessResult planned = Run(large + " --dry_run");
  EXPECT_EQ(planned.exit_code, 0) << planned.output;
  EXPECT_THAT(planned.output,
              HasSubstr("of memory by plan, and this machine has"));
}

TEST_F(ProgramTest, BenchMeasuresStepsWithoutData) {
  const ProcessResult run =
      Run("bench config.pbtxt --steps 2 --set data.train.0.prefix=none");
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("training step"));
}

}  // namespace
}  // namespace cogdist
