// configs/tiny_64ranks.pbtxt under a real mpirun of 64 ranks, against one rank,
// and the plan of 64 ranks for a model of a billion parameters.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/golden/golden_run.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

std::string Config(absl::string_view name) {
  return absl::StrCat(std::filesystem::current_path().string(), "/configs/",
                      name);
}

ProcessResult RunCogdist(const TempDir& dir, int ranks,
                         absl::string_view args) {
  return RunShell(ProgramCommand(ranks, /*threads=*/1, args), dir.path());
}

// Data of the configuration's vocabulary, where it looks for it.
void MakeData(const TempDir& dir) {
  std::ofstream text(dir / "text.jsonl");
  for (int i = 0; i < 400; ++i) {
    text << "{\"text\": \"Document " << i * 7919 % 1000
         << ": the quick brown fox jumps over the lazy dog, until the evening "
            "of day "
         << i * i << " comes.\"}\n";
  }
  text.close();
  std::filesystem::create_directories(dir / "data/quickstart");
  const ProcessResult prepared = RunCogdist(
      dir, 1,
      "prepare --output data/quickstart/corpus_train --tokenizer bytes "
      "text.jsonl");
  ASSERT_EQ(prepared.exit_code, 0) << prepared.output;
}

TEST(ManyRanksTest, SixtyFourTrainLikeOne) {
  const TempDir dir;
  MakeData(dir);
  const std::string train =
      absl::StrCat(Config("tiny_64ranks.pbtxt"), " --set run_dir=");
  const ProcessResult many = RunCogdist(dir, 64, train + "many");
  ASSERT_EQ(many.exit_code, 0) << many.output;
  const ProcessResult one =
      RunCogdist(dir, 1,
                 train +
                     "one --set parallel.tensor=1 --set parallel.pipeline=1 "
                     "--set parallel.context=1");
  ASSERT_EQ(one.exit_code, 0) << one.output;

  auto got = ReadSteps(dir / "many/metrics.jsonl");
  const auto want = ReadSteps(dir / "one/metrics.jsonl");
  ASSERT_EQ(want.size(), 5);
  ASSERT_EQ(got.size(), 5);
  for (const auto& [step, record] : want) {
    SCOPED_TRACE(step);
    EXPECT_LE(RelativeError(got[step]["loss"], record["loss"]), 1e-5);
    EXPECT_LE(RelativeError(got[step]["grad_norm"], record["grad_norm"]), 1e-4);
  }
}

// The lines about memory and traffic; the one about the layout also says how
// many threads a rank has, which is known of a job only.
std::string Plan(absl::string_view output) {
  std::string lines;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    if (absl::StartsWith(line, "  memory") ||
        absl::StartsWith(line, "  traffic")) {
      absl::StrAppend(&lines, line, "\n");
    }
  }
  return lines;
}

TEST(ManyRanksTest, OneProcessPlansWhatSixtyFourDo) {
  const TempDir dir;
  const std::string plan = Config("cogformer_1b.pbtxt") + " --dry_run";
  const ProcessResult many = RunCogdist(dir, 64, plan);
  ASSERT_EQ(many.exit_code, 0) << many.output;
  for (const char* text :
       {"1.36G parameters", "64 ranks: data 16 (ZeRO 1), tensor 4", "weights",
        "gradients", "optimizer", "activations",
        "traffic:", "there is no data/train.idx", "of memory by plan"}) {
    EXPECT_THAT(many.output, HasSubstr(text));
  }
  const ProcessResult one = RunCogdist(dir, 1, plan + " --ranks 64");
  ASSERT_EQ(one.exit_code, 0) << one.output;
  EXPECT_EQ(Plan(many.output), Plan(one.output));
}

TEST(ManyRanksTest, PlansEveryPipelineStage) {
  const TempDir dir;
  const std::string plan =
      Config("cogformer_1b.pbtxt") +
      " --dry_run --set parallel.pipeline=3 --set parallel.context=2 "
      "--set batch.global_batch_size=64";
  const ProcessResult many =
      RunCogdist(dir, 24, plan + " --set batch.micro_batch_size=1");
  ASSERT_EQ(many.exit_code, 0) << many.output;
  for (const char* text : {"memory 0:", "memory 1:", "memory 2:", "traffic 2:",
                           "pipeline", "context"}) {
    EXPECT_THAT(many.output, HasSubstr(text));
  }
  const ProcessResult one =
      RunCogdist(dir, 1, plan + " --set batch.micro_batch_size=1 --ranks 24");
  EXPECT_EQ(Plan(many.output), Plan(one.output));

  const ProcessResult bad = RunCogdist(dir, 1, plan + " --ranks 32");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.output, HasSubstr("32 ranks cannot be shared out by tensor * "
                                    "pipeline * context = 24"));
}

}  // namespace
}  // namespace cogdist
