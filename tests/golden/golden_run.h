// Runs of the real program on a golden case, in a folder of their own.

#ifndef COGDIST_TESTS_GOLDEN_GOLDEN_RUN_H_
#define COGDIST_TESTS_GOLDEN_GOLDEN_RUN_H_

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/program_command.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist {

// How a case is run.
struct GoldenVariant {
  std::string name;
  int ranks = 1;
  std::vector<std::string> sets;  // --set flags
  std::string flags;              // other flags
  int threads = 1;                // a rank
};

struct GoldenResult {
  ProcessResult process;
  std::map<int64_t, nlohmann::json> steps;  // lines of the metrics file
  std::string weights;                      // bytes of the final weights file
};

inline std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The last line of every step in a metrics file.
inline std::map<int64_t, nlohmann::json> ReadSteps(const std::string& path) {
  std::ifstream file(path);
  std::map<int64_t, nlohmann::json> steps;
  std::string line;
  while (std::getline(file, line)) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    if (record.contains("loss")) steps[record["step"]] = record;
  }
  return steps;
}

// The float64 run of a case, by step.
inline std::map<int64_t, nlohmann::json> ExpectedSteps(
    absl::string_view source) {
  const nlohmann::json expected = nlohmann::json::parse(
      ReadBytes(absl::StrCat("tests/golden/", source, "/expected.json")));
  std::map<int64_t, nlohmann::json> steps;
  for (const nlohmann::json& step : expected["steps"]) {
    steps[step["step"]] = step;
  }
  return steps;
}

inline double RelativeError(const nlohmann::json& value,
                            const nlohmann::json& expected) {
  return std::abs(value.get<double>() / expected.get<double>() - 1);
}

// The first `count` steps of the case: float32 in any order of summation stays
// within 1e-6 of the losses.
inline void ExpectFloat64Run(absl::string_view source,
                             std::map<int64_t, nlohmann::json> steps,
                             int64_t count) {
  ASSERT_EQ(static_cast<int64_t>(steps.size()), count);
  for (const auto& [step, want] : ExpectedSteps(source)) {
    if (step > count) break;
    const nlohmann::json& got = steps[step];
    SCOPED_TRACE(got.dump());
    EXPECT_LE(RelativeError(got["loss"], want["loss"]), 1e-5);
    EXPECT_LE(RelativeError(got["grad_norm"], want["grad_norm"]), 1e-4);
    EXPECT_NEAR(got["lr"].get<double>(), want["lr"].get<double>(), 1e-12);
  }
}

// A copy of `source`, a folder of tests/golden, in which the program may be
// started several times. Its run directory is "run".
class GoldenFolder {
 public:
  explicit GoldenFolder(absl::string_view source) {
    std::filesystem::copy(absl::StrCat("tests/golden/", source), work_.path());
  }

  ProcessResult Run(const GoldenVariant& variant) const {
    std::string args = absl::StrCat("config.pbtxt ", variant.flags);
    for (const std::string& set : variant.sets) {
      absl::StrAppend(&args, " --set ", set);
    }
    return RunShell(ProgramCommand(variant.ranks, variant.threads, args),
                    work_.path());
  }
  std::map<int64_t, nlohmann::json> Steps() const {
    return ReadSteps(work_ / "run/metrics.jsonl");
  }
  std::string Weights() const {
    return ReadBytes(work_ / "run/weights/model.safetensors");
  }
  std::string operator/(absl::string_view name) const { return work_ / name; }

 private:
  TempDir work_;
};

inline GoldenResult RunGolden(absl::string_view source,
                              const GoldenVariant& variant) {
  const GoldenFolder folder(source);
  const ProcessResult process = folder.Run(variant);
  return {
      .process = process, .steps = folder.Steps(), .weights = folder.Weights()};
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_GOLDEN_GOLDEN_RUN_H_
