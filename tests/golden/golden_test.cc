// Whole training runs of the real program against runs that an independent
// program computed in float64: each case is a configuration, initial weights,
// data, and the loss and gradient norm of every step (expected.json). The cases
// keep their attention scores away from zero, so that float32 runs in any order
// of summation stay within 1e-6 of the losses.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;

constexpr double kLossTolerance = 1e-5;
constexpr double kGradNormTolerance = 1e-4;

struct Variant {
  std::string name;
  int ranks = 1;
  std::vector<std::string> sets;
};

class GoldenTest
    : public testing::TestWithParam<std::tuple<std::string, Variant>> {};

std::string CommandLine(const Variant& variant) {
  std::string command = absl::StrCat(COGDIST_BINARY, " config.pbtxt");
  for (const std::string& set : variant.sets) {
    absl::StrAppend(&command, " --set ", set);
  }
  if (variant.ranks == 1) return command;
  return absl::StrCat(
      "mpirun --allow-run-as-root --oversubscribe --bind-to none -np ",
      variant.ranks, " ", command);
}

Json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file, nullptr, /*allow_exceptions=*/false);
}

// The last line of every step in a metrics file.
std::map<int64_t, Json> ReadSteps(const std::string& path) {
  std::ifstream file(path);
  std::map<int64_t, Json> steps;
  std::string line;
  while (std::getline(file, line)) {
    const Json record = Json::parse(line, nullptr, false);
    if (record.contains("loss")) steps[record["step"]] = record;
  }
  return steps;
}

double RelativeError(const Json& value, const Json& expected) {
  return std::abs(value.get<double>() / expected.get<double>() - 1);
}

TEST_P(GoldenTest, FollowsTheFloat64Run) {
  const auto& [name, variant] = GetParam();
  const std::string source = absl::StrCat("tests/golden/", name);
  const TempDir work;
  std::filesystem::copy(source, work.path());
  const ProcessResult run = RunShell(CommandLine(variant), work.path());
  ASSERT_EQ(run.exit_code, 0) << run.output;

  const Json expected = ReadJson(absl::StrCat(source, "/expected.json"));
  auto steps = ReadSteps(absl::StrCat(work.path(), "/run/metrics.jsonl"));
  ASSERT_EQ(steps.size(), expected["steps"].size()) << run.output;
  for (const Json& want : expected["steps"]) {
    const Json& got = steps[want["step"]];
    SCOPED_TRACE(got.dump());
    EXPECT_LE(RelativeError(got["loss"], want["loss"]), kLossTolerance);
    EXPECT_LE(RelativeError(got["grad_norm"], want["grad_norm"]),
              kGradNormTolerance);
    EXPECT_NEAR(got["lr"].get<double>(), want["lr"].get<double>(), 1e-12);
  }
}

const Variant kVariants[] = {
    {.name = "one_rank"},
    {.name = "data_2", .ranks = 2},
    {.name = "data_4", .ranks = 4},
    {.name = "micro_batch_1", .sets = {"batch.micro_batch_size=1"}},
    {.name = "micro_batch_8", .sets = {"batch.micro_batch_size=8"}},
    {.name = "selective", .sets = {"activation_checkpointing=SELECTIVE"}},
    {.name = "full", .sets = {"activation_checkpointing=FULL"}},
    {.name = "data_4_micro_batch_1_full",
     .ranks = 4,
     .sets = {"batch.micro_batch_size=1", "activation_checkpointing=FULL"}},
};

INSTANTIATE_TEST_SUITE_P(
    Cases, GoldenTest,
    testing::Combine(testing::Values("cog_docmask", "cog_gqa_tied", "cog_mha",
                                     "softmax_mha"),
                     testing::ValuesIn(kVariants)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), "_",
                          std::get<1>(info.param).name);
    });

}  // namespace
}  // namespace cogdist
