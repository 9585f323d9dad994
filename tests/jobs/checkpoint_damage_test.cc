// Damage to a checkpoint that real ranks have written: flipped bits and files
// cut short in 500 random places, and what the program says of a few.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "tests/jobs/checkpoint_job.h"

namespace cogdist::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kNewest[] = "run/checkpoints/step_00000004";
constexpr char kArgs[] =
    "--set parallel.zero_stage=2 --set parallel.tensor=2 "
    "--set checkpoint.every_steps=2 --set checkpoint.keep_last=2 ";

class CheckpointDamageTest : public CheckpointJob {
 protected:
  CheckpointDamageTest() {
    const ProcessResult run = Run(4, absl::StrCat(kArgs, "--steps 4"));
    EXPECT_EQ(run.exit_code, 0) << run.output;
    for (const auto& entry : fs::directory_iterator(dir_ / kNewest)) {
      const std::string path = entry.path().string();
      if (!absl::EndsWith(path, ".pbtxt")) paths_.push_back(path);
    }
    EXPECT_EQ(paths_.size(), 5);
  }

  static void Write(const std::string& path, absl::string_view contents) {
    std::ofstream(path, std::ios::binary) << contents;
  }
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  // Of the newest checkpoint.
  std::vector<absl::Status> Faults() const {
    const auto checkpoint = OpenCheckpoint(PosixFileSystem(), dir_ / kNewest);
    if (!checkpoint.ok()) return {checkpoint.status()};
    return VerifyCheckpoint(PosixFileSystem(), *checkpoint);
  }
  // The tensor whose slice has byte `at` of the shard `path`; "": a header.
  std::string TensorAt(const CheckpointManifest& manifest,
                       const std::string& path, int64_t at) const {
    for (const CheckpointTensor& tensor : manifest.tensors()) {
      for (const CheckpointSlice& slice : tensor.slices()) {
        if (absl::EndsWith(path, manifest.shards(slice.shard()).path()) &&
            at >= slice.file_offset() &&
            at < slice.file_offset() + slice.bytes()) {
          return CheckpointTensorName(tensor.name(), tensor.role());
        }
      }
    }
    return "";
  }

  std::vector<std::string> paths_;  // that are read back
  std::mt19937_64 random_{11};
};

TEST_F(CheckpointDamageTest, EveryPlaceIsGuarded) {
  const auto checkpoint = OpenCheckpoint(PosixFileSystem(), dir_ / kNewest);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ASSERT_TRUE(Faults().empty());
  for (int i = 0; i < 500; ++i) {
    const std::string& path = paths_[i % paths_.size()];
    const std::string whole = ReadBytes(path);
    // In places of all sizes: headers are small.
    const int64_t at = Below(1 + Below(whole.size()));
    const bool cut = i % 4 == 0;
    SCOPED_TRACE(absl::StrCat(path, cut ? " cut at " : " flipped at ", at));
    std::string damaged = whole;
    if (cut) {
      damaged.resize(at);
    } else {
      damaged[at] ^= 1 << Below(8);
    }
    Write(path, damaged);
    const std::vector<absl::Status> faults = Faults();
    Write(path, whole);
    ASSERT_EQ(faults.size(), 1);
    EXPECT_TRUE(absl::IsDataLoss(faults[0])) << faults[0];
    EXPECT_THAT(std::string(faults[0].message()), HasSubstr(path));
    const std::string tensor = TensorAt(checkpoint->manifest, path, at);
    if (!cut && !tensor.empty()) {
      EXPECT_THAT(std::string(faults[0].message()),
                  HasSubstr(absl::StrCat("tensor ", tensor, ":")));
    }
  }
  EXPECT_TRUE(Faults().empty());
}

TEST_F(CheckpointDamageTest, TheProgramGoesBackAndSaysWhy) {
  const auto checkpoint = OpenCheckpoint(PosixFileSystem(), dir_ / kNewest);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  fs::copy(dir_ / "run", dir_ / "saved", fs::copy_options::recursive);
  std::sort(paths_.begin(), paths_.end());
  for (const std::string& path : {paths_[0], paths_[1], paths_[4]}) {
    SCOPED_TRACE(path);
    fs::remove_all(dir_ / "run");
    fs::copy(dir_ / "saved", dir_ / "run", fs::copy_options::recursive);
    std::string bytes = ReadBytes(path);
    const int64_t at = bytes.size() - 5 - Below(200);
    const std::string tensor = TensorAt(checkpoint->manifest, path, at);
    bytes[at] ^= 16;
    Write(path, bytes);
    const std::string name = fs::path(path).filename();
    const ProcessResult verify =
        RunShell(absl::StrCat(COGDIST_BINARY, " checkpoint verify ", kNewest),
                 dir_.path());
    EXPECT_EQ(verify.exit_code, 1) << verify.output;
    EXPECT_THAT(verify.output, AllOf(HasSubstr(name), HasSubstr(tensor)));
    const ProcessResult resumed = Run(4, absl::StrCat(kArgs, "--steps 1"));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_THAT(resumed.output, AllOf(HasSubstr("passed over"), HasSubstr(name),
                                      HasSubstr(tensor)));
    EXPECT_EQ(NewestWhole(), 3);
    // What was passed over is kept, out of the way.
    EXPECT_TRUE(fs::exists(dir_ / "run/checkpoints/step_00000003"));
    EXPECT_FALSE(fs::exists(dir_ / kNewest));
  }
}

}  // namespace
}  // namespace cogdist::testing
