#include "launcher/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr char kConfig[] = "name: \"test\"\ntrain_steps: 3\n";

// Makes a file and the folders above it.
void Touch(const std::string& path, const std::string& contents) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream(path) << contents;
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(RunDirectoryTest, CreatesFoldersConfigurationAndTokenizer) {
  const TempDir dir;
  Touch(dir / "my_tokenizer.json", "{}");
  const absl::StatusOr<RunDirectory> run =
      RunDirectory::Create({.path = dir / "runs/a",
                            .config_text = kConfig,
                            .tokenizer = dir / "my_tokenizer.json"});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(Names(dir / "runs/a"),
              UnorderedElementsAre("config.pbtxt", "tokenizer.json", "log",
                                   "events", "weights"));
  EXPECT_EQ(*ReadFile(dir / "runs/a/config.pbtxt"), kConfig);
  EXPECT_EQ(*ReadFile(run->tokenizer_path()), "{}");
  EXPECT_TRUE(RunDirectory::Open(dir / "runs/a").ok());
}

TEST(RunDirectoryTest, NamesAreThoseOfTheDocumentation) {
  const RunDirectory run("runs/a");
  EXPECT_EQ(run.config_path(), "runs/a/config.pbtxt");
  EXPECT_EQ(run.tokenizer_path(), "runs/a/tokenizer.json");
  EXPECT_EQ(run.metrics_path(), "runs/a/metrics.jsonl");
  EXPECT_EQ(run.events_dir(), "runs/a/events");
  EXPECT_EQ(run.weights_path(), "runs/a/weights/model.safetensors");
  EXPECT_EQ(run.log_path(0), "runs/a/log/rank_00000.log");
  EXPECT_EQ(run.log_path(1023), "runs/a/log/rank_01023.log");
  EXPECT_EQ(RunDirectory("runs/a/").metrics_path(), "runs/a/metrics.jsonl");
}

TEST(RunDirectoryTest, ARunWithoutMetricsIsStartedOver) {
  const TempDir dir;
  for (const char* config : {"old", "new"}) {
    ASSERT_TRUE(
        RunDirectory::Create({.path = dir / "a", .config_text = config}).ok());
    Touch(dir / "a/metrics.jsonl", "");
  }
  EXPECT_EQ(*ReadFile(dir / "a/config.pbtxt"), "new");
}

TEST(RunDirectoryTest, MetricsWithoutCheckpointAreRefused) {
  const TempDir dir;
  const RunDirectory run(dir / "a");
  Touch(dir / "a/metrics.jsonl", "{\"step\":1}\n");
  // An unfinished checkpoint is none, nor is what no run would name so.
  for (const char* name : {"step_00000001.tmp-1-2", "step_5", "step_-0000001",
                           "step_000000001", "step_"}) {
    std::filesystem::create_directories(dir /
                                        absl::StrCat("a/checkpoints/", name));
  }
  EXPECT_FALSE(run.HasCheckpoint());
  const absl::Status status = run.CheckContinuable();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(StartsWith("run_dir: "), HasSubstr(dir / "a"),
                    HasSubstr("--resume none")));

  std::filesystem::create_directories(dir / "a/checkpoints/step_00000001");
  EXPECT_TRUE(run.HasCheckpoint());
  EXPECT_TRUE(run.CheckContinuable().ok());
}

TEST(RunDirectoryTest, MoveAsideMakesRoomAndKeepsOtherFiles) {
  const TempDir dir;
  const RunDirectory::Options options = {
      .path = dir / "a", .config_text = "new", .move_aside = true};
  Touch(dir / "a/notes.txt", "mine");
  for (int n = 1; n <= 2; ++n) {
    const std::string metrics = "{\"step\":" + std::to_string(n) + "}\n";
    Touch(dir / "a/metrics.jsonl", metrics);
    Touch(dir / "a/checkpoints/step_1/manifest", "x");
    Touch(dir / "a/log/rank_00000.log", "x");
    ASSERT_TRUE(RunDirectory::Create(options).ok());
    const std::string old = dir / ("a/old_" + std::to_string(n));
    EXPECT_EQ(*ReadFile(old + "/metrics.jsonl"), metrics);
    EXPECT_TRUE(FileExists(old + "/checkpoints/step_1/manifest"));
    EXPECT_FALSE(FileExists(dir / "a/metrics.jsonl"));
    EXPECT_FALSE(FileExists(dir / "a/checkpoints"));
    EXPECT_TRUE(Names(dir / "a/log").empty());
  }
  EXPECT_EQ(*ReadFile(dir / "a/notes.txt"), "mine");
}

TEST(RunDirectoryTest, MoveAsideWithoutARunDoesNothing) {
  const TempDir dir;
  EXPECT_TRUE(RunDirectory(dir / "none").MoveAside().ok());
  EXPECT_FALSE(FileExists(dir / "none"));
  Touch(dir / "a/notes.txt", "mine");
  EXPECT_TRUE(RunDirectory(dir / "a").MoveAside().ok());
  EXPECT_THAT(Names(dir / "a"), UnorderedElementsAre("notes.txt"));
}

TEST(RunDirectoryTest, TheTokenizerMayBeTheOldRunsCopy) {
  const TempDir dir;
  Touch(dir / "a/metrics.jsonl", "{\"step\":1}\n");
  Touch(dir / "a/tokenizer.json", "{}");
  ASSERT_TRUE(RunDirectory::Create({.path = dir / "a",
                                    .config_text = kConfig,
                                    .tokenizer = dir / "a/tokenizer.json",
                                    .move_aside = true})
                  .ok());
  EXPECT_EQ(*ReadFile(dir / "a/tokenizer.json"), "{}");
  EXPECT_EQ(*ReadFile(dir / "a/old_1/tokenizer.json"), "{}");
}

TEST(RunDirectoryTest, WrongDirectoriesNameTheField) {
  const TempDir dir;
  Touch(dir / "file", "x");
  for (const char* path : {"file", "file/below"}) {
    for (const bool move_aside : {false, true}) {
      const absl::Status status =
          RunDirectory::Create({.path = dir / path, .move_aside = move_aside})
              .status();
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
      EXPECT_THAT(std::string(status.message()),
                  AllOf(StartsWith("run_dir: "), HasSubstr(dir / path)));
    }
  }
  EXPECT_EQ(*ReadFile(dir / "file"), "x");
}

TEST(RunDirectoryTest, AMissingTokenizerIsFoundBeforeAnythingIsMade) {
  const TempDir dir;
  const absl::Status status =
      RunDirectory::Create({.path = dir / "a", .tokenizer = dir / "none.json"})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir / "none.json"));
  EXPECT_FALSE(FileExists(dir / "a"));
}

TEST(RunDirectoryTest, OpenNeedsARun) {
  const TempDir dir;
  const absl::Status status = RunDirectory::Open(dir.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("config.pbtxt"));
}

}  // namespace
}  // namespace cogdist
