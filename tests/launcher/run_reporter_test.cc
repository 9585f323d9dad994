#include "launcher/run_reporter.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/cost.h"
#include "nlohmann/json.hpp"
#include "tests/launcher/small_config.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;

constexpr int64_t kTokensPerStep = 4 * 16;

class RunReporterTest : public ::testing::Test {
 protected:
  RunReporterTest() : config_(testing::SmallConfig()) {
    config_.mutable_logging()->set_log_every_steps(3);
    const auto directory = RunDirectory::Create({.path = dir_ / "run"});
    EXPECT_TRUE(directory.ok()) << directory.status();
    // Two epochs are 5 steps of 4 samples.
    auto reporter = RunReporter::Create(config_, *directory, 3, 10);
    EXPECT_TRUE(reporter.ok()) << reporter.status();
    reporter_ = std::move(*reporter);
  }

  // Steps of 1, 2, 3, ... seconds, the last of which ends the run.
  void Report(int64_t steps) {
    for (int64_t step = 1; step <= steps; ++step) {
      reporter_->Step({.step = step,
                       .last = step == steps,
                       .seconds = static_cast<double>(step),
                       .loss = 10.0 - step,
                       .samples = 4 * step,
                       .tokens = kTokensPerStep * step,
                       .skipped = step == 5});
    }
  }
  std::vector<Json> Lines() const {
    std::ifstream file(dir_ / "run/metrics.jsonl");
    std::vector<Json> lines;
    std::string line;
    while (std::getline(file, line)) lines.push_back(Json::parse(line));
    return lines;
  }

  TempDir dir_;
  RunConfig config_;
  std::unique_ptr<RunReporter> reporter_;
};

TEST_F(RunReporterTest, RatesCoverAllStepsSinceTheLineBefore) {
  reporter_->set_peak_flops(1e9);
  Report(5);
  const std::vector<Json> lines = Lines();
  ASSERT_EQ(lines.size(), 2);  // step 3, and step 5 because it is the last
  EXPECT_EQ(lines[0]["step"], 3);
  EXPECT_EQ(lines[0]["loss"], 7.0);
  EXPECT_EQ(lines[0]["tokens"], 3 * kTokensPerStep);
  EXPECT_EQ(lines[0]["step_seconds"], 2.0);
  const double rate = 3 * kTokensPerStep / 6.0;
  EXPECT_EQ(lines[0]["tokens_per_second"], rate);
  EXPECT_DOUBLE_EQ(
      lines[0]["mfu"],
      rate * TrainingFlopsPerToken(config_.model().cogformer(), 16) / 1e9);
  EXPECT_EQ(lines[0]["epoch"], 1);
  EXPECT_EQ(lines[1]["step"], 5);
  EXPECT_EQ(lines[1]["step_seconds"], 4.5);
  EXPECT_EQ(lines[1]["epoch"], 2);
  EXPECT_TRUE(lines[1]["loss"].is_null());
  EXPECT_EQ(lines[1]["skipped"], true);
}

TEST_F(RunReporterTest, NoPeakNoMfu) {
  Report(3);
  EXPECT_TRUE(Lines()[0]["mfu"].is_null());
}

TEST_F(RunReporterTest, AFullDiskCostsLinesAndIsToldOnce) {
  const auto directory = RunDirectory::Create({.path = dir_ / "full"});
  ASSERT_TRUE(directory.ok()) << directory.status();
  std::filesystem::create_symlink("/dev/full", directory->metrics_path());
  auto reporter = RunReporter::Create(config_, *directory, 1, 10);
  ASSERT_TRUE(reporter.ok()) << reporter.status();
  reporter_ = *std::move(reporter);
  ::testing::internal::CaptureStdout();
  Report(9);
  const std::string output = ::testing::internal::GetCapturedStdout();
  const size_t told = output.find("warning: metrics are lost: ");
  ASSERT_NE(told, output.npos) << output;
  EXPECT_NE(output.find("No space left", told), output.npos) << output;
  EXPECT_EQ(output.find("warning", told + 1), output.npos) << output;
}

TEST_F(RunReporterTest, TheSummaryHasTheBestValidation) {
  Report(4);
  for (const double loss : {3.0, 2.0, 2.5}) {
    reporter_->Evaluation({.loss = loss, .targets = 1});
  }
  const Json last = Lines().back();
  EXPECT_EQ(last["validation_loss"], 2.5);
  EXPECT_EQ(last["step"], 4);
  EXPECT_EQ(last["tokens"], 4 * kTokensPerStep);
  EXPECT_EQ(last["epoch"], 1);
  EXPECT_EQ(last["attempt"], 3);
  ::testing::internal::CaptureStdout();
  reporter_->End({.stopped_by = "SIGTERM", .weights_path = "weights"});
  const std::string summary = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(summary.find("stopped by SIGTERM after step 4 of 20, 256 tokens"),
            std::string::npos)
      << summary;
  EXPECT_NE(summary.find("2.5000, best 2.0000"), std::string::npos) << summary;
}

}  // namespace
}  // namespace cogdist
