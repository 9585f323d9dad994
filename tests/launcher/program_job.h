// Jobs of the real program, in a folder with a small text and a configuration.

#ifndef COGDIST_TESTS_LAUNCHER_PROGRAM_JOB_H_
#define COGDIST_TESTS_LAUNCHER_PROGRAM_JOB_H_

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/program_command.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist::testing {

class ProgramJob : public ::testing::Test {
 protected:
  // Of each of the text's 60 documents.
  static constexpr char kShort[] = "the quick brown fox.";
  static constexpr char kLong[] =
      "the quick brown fox jumps over the lazy dog, again and again, until the "
      "evening comes.";

  // Shell: waits until the job in the background has made a step.
  static constexpr char kAwaitStep[] =
      "timeout 60 bash -c 'until [ -s run/metrics.jsonl ]; do sleep 0.1; done'";

  // Writes config.pbtxt and prepares "text", as bytes, with further `flags`.
  explicit ProgramJob(absl::string_view config,
                      absl::string_view sentence = kShort,
                      absl::string_view flags = "") {
    std::ofstream text(dir_ / "text.jsonl");
    for (int i = 0; i < 60; ++i) {
      text << "{\"text\": \"Document " << i << ": " << sentence << "\"}\n";
    }
    text.close();
    std::ofstream(dir_ / "config.pbtxt") << config;
    const ProcessResult prepared = Run(absl::StrCat(
        "prepare --output text --tokenizer bytes ", flags, " text.jsonl"));
    EXPECT_EQ(prepared.exit_code, 0) << prepared.output;
  }

  // One thread a rank.
  ProcessResult Run(absl::string_view args, int ranks = 1) const {
    return RunShell(ProgramCommand(ranks, /*threads=*/1, args), dir_.path());
  }
  // Lines of the metrics file.
  std::vector<nlohmann::json> Metrics() const {
    std::ifstream file(dir_ / "run/metrics.jsonl");
    std::vector<nlohmann::json> records;
    std::string line;
    while (std::getline(file, line)) {
      records.push_back(nlohmann::json::parse(line));
    }
    return records;
  }
  bool Exists(absl::string_view path) const {
    return std::filesystem::exists(dir_ / path);
  }

  TempDir dir_;
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_LAUNCHER_PROGRAM_JOB_H_
