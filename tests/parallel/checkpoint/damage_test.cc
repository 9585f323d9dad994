// Bits that flip and files that end too early, anywhere in a checkpoint.

#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kNewest[] = "run/checkpoints/step_00000002";

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    COG_CHECK_OK(files_.CreateDirectory("run"));
    for (const absl::Status& status :
         SaveAt(files_, layout_, {1, 2}, {.keep_last = 2})) {
      COG_CHECK_OK(status);
    }
  }

  // All that is read back.
  std::vector<std::string> Paths() {
    std::vector<std::string> paths;
    const auto names = files_.ListDirectory(kNewest);
    for (const std::string& name : *names) {
      if (absl::EndsWith(name, ".pbtxt")) continue;
      paths.push_back(absl::StrCat(kNewest, "/", name));
    }
    return paths;
  }

  // What opening the newest checkpoint, and if that succeeds reading it all,
  // finds.
  std::vector<std::string> Faults() {
    std::vector<std::string> messages;
    const auto checkpoint = OpenCheckpoint(files_, kNewest);
    if (!checkpoint.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(checkpoint.status()));
      return {std::string(checkpoint.status().message())};
    }
    for (const absl::Status& fault : VerifyCheckpoint(files_, *checkpoint)) {
      EXPECT_TRUE(absl::IsDataLoss(fault));
      messages.emplace_back(fault.message());
    }
    return messages;
  }

  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  const Layout layout_ = {.data = 2, .stage = 2, .small = true};
  FakeFileSystem files_;
  std::mt19937_64 random_{7};
};

TEST_F(DamageTest, EveryFlippedBitIsFoundAndItsFileNamed) {
  EXPECT_THAT(Faults(), SizeIs(0));
  const std::vector<std::string> paths = Paths();
  ASSERT_THAT(paths, SizeIs(3));
  for (int i = 0; i < 600; ++i) {
    const std::string& path = paths[i % paths.size()];
    const std::string whole = *ReadAll(files_, path);
    std::string damaged = whole;
    // Every other one in the first bytes: magic, lengths, headers.
    const int64_t at = i % 2 == 0 ? Below(64) : Below(whole.size());
    damaged[at] ^= 1 << Below(8);
    files_.Overwrite(path, damaged);
    const std::vector<std::string> faults = Faults();
    ASSERT_THAT(faults, SizeIs(1)) << path << " byte " << at;
    EXPECT_THAT(faults[0], HasSubstr(path));
    files_.Overwrite(path, whole);
  }
  EXPECT_THAT(Faults(), SizeIs(0));
}

TEST_F(DamageTest, TruncatedAndLongerFilesAreFound) {
  for (const std::string& path : Paths()) {
    const std::string whole = *ReadAll(files_, path);
    for (int i = 0; i < 50; ++i) {
      const size_t bytes = i == 0   ? 0
                           : i == 1 ? whole.size() - 1
                                    : Below(whole.size());
      files_.Overwrite(path, whole.substr(0, bytes));
      ASSERT_THAT(Faults(), SizeIs(1)) << path << " cut to " << bytes;
      EXPECT_THAT(Faults()[0], HasSubstr(path));
    }
    files_.Overwrite(path, whole + std::string(1, '\0'));
    ASSERT_THAT(Faults(), SizeIs(1)) << path;
    files_.Overwrite(path, whole);
  }
}

TEST_F(DamageTest, TheTensorIsNamed) {
  const auto checkpoint = OpenCheckpoint(files_, kNewest);
  ASSERT_TRUE(checkpoint.ok());
  const CheckpointManifest& manifest = checkpoint->manifest;
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    const CheckpointSlice& slice = tensor.slices(0);
    const std::string path =
        absl::StrCat(kNewest, "/", manifest.shards(slice.shard()).path());
    const std::string whole = *ReadAll(files_, path);
    std::string damaged = whole;
    damaged[slice.file_offset() + slice.bytes() - 1] ^= 1;
    files_.Overwrite(path, damaged);
    const std::vector<std::string> faults = Faults();
    ASSERT_THAT(faults, SizeIs(1));
    EXPECT_THAT(
        faults[0],
        AllOf(HasSubstr(path),
              HasSubstr(absl::StrCat(
                  "tensor ", CheckpointTensorName(tensor.name(), tensor.role()),
                  ": the checksum"))));
    files_.Overwrite(path, whole);
  }
}

TEST_F(DamageTest, ShardsOfAnotherSaveAndSwappedOnesAreFound) {
  const std::vector<std::string> paths = Paths();  // manifest, two shards
  const std::string whole = *ReadAll(files_, paths[1]);
  files_.Overwrite(paths[1], *ReadAll(files_,
                                      "run/checkpoints/step_00000001/"
                                      "shard_00000.safetensors"));
  // And of its data every slice whose values have changed.
  ASSERT_THAT(Faults(), SizeIs(::testing::Gt(1)));
  EXPECT_THAT(Faults()[0], HasSubstr("its header's checksum"));
  files_.Overwrite(paths[1], *ReadAll(files_, paths[2]));
  files_.Overwrite(paths[2], whole);
  EXPECT_THAT(Faults(), SizeIs(::testing::Ge(1)));
}

TEST_F(DamageTest, VerifyingNamesEveryDamagedFileAndTensor) {
  const auto checkpoint = ReadCheckpointManifest(files_, kNewest);
  ASSERT_TRUE(checkpoint.ok());
  const CheckpointManifest& manifest = checkpoint->manifest;
  const std::vector<std::string> paths = Paths();  // manifest, two shards
  const auto messages = [&] {
    std::vector<std::string> result;
    for (const absl::Status& fault : VerifyCheckpoint(files_, *checkpoint)) {
      EXPECT_TRUE(absl::IsDataLoss(fault)) << fault;
      result.emplace_back(fault.message());
    }
    return result;
  };
  // Of the shard number 1: names as messages have them, in the manifest's
  // order.
  std::vector<std::string> names;
  std::string all;
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    for (const CheckpointSlice& slice : tensor.slices()) {
      if (slice.shard() != 1) continue;
      names.push_back(CheckpointTensorName(tensor.name(), tensor.role()));
      absl::StrAppend(&all, all.empty() ? "" : ", ", names.back());
    }
  }
  ASSERT_THAT(names, SizeIs(::testing::Gt(3)));

  // Cut in the header: the length, the header, and every tensor.
  const std::string whole = *ReadAll(files_, paths[2]);
  files_.Overwrite(paths[2], whole.substr(0, 20));
  std::vector<std::string> faults = messages();
  ASSERT_THAT(faults, SizeIs(2 + names.size()));
  EXPECT_THAT(faults[0], AllOf(HasSubstr(paths[2]), HasSubstr("20 bytes")));
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_THAT(faults[2 + i],
                AllOf(HasSubstr(paths[2]),
                      HasSubstr(absl::StrCat("tensor ", names[i], ":"))));
  }
  // The other shard is looked at, too.
  const std::string first = *ReadAll(files_, paths[1]);
  std::string damaged = first;
  damaged.back() ^= 1;
  files_.Overwrite(paths[1], damaged);
  EXPECT_THAT(messages(), SizeIs(3 + names.size()));
  files_.Overwrite(paths[1], first);

  ASSERT_TRUE(files_.RemoveFile(paths[2]).ok());
  faults = messages();
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_THAT(faults[0],
              AllOf(HasSubstr(paths[2]), HasSubstr("are lost: " + all)));
}

TEST_F(DamageTest, RestoringGoesBackAndSaysWhy) {
  for (const std::string& path : Paths()) {
    SCOPED_TRACE(path);
    const std::string whole = *ReadAll(files_, path);
    std::string damaged = whole;
    damaged[whole.size() - 5] ^= 1;
    files_.Overwrite(path, damaged);
    for (const Layout& layout :
         {layout_, Layout{.tensor = 2, .pipeline = 1, .small = true}}) {
      const auto restored = Restored(files_, layout);
      ASSERT_TRUE(restored.ok()) << restored.status();
      ASSERT_TRUE(restored->checkpoint.has_value());
      EXPECT_EQ(restored->checkpoint->manifest.train_state().step(), 1);
      ASSERT_THAT(restored->passed_over, SizeIs(1));
      EXPECT_THAT(restored->passed_over[0], HasSubstr(path));
    }
    files_.Overwrite(path, whole);
  }
  ASSERT_TRUE(
      files_.RemoveFile(absl::StrCat(kNewest, "/shard_00001.safetensors"))
          .ok());
  EXPECT_EQ(RestoredStep(files_, layout_), 1);
  ASSERT_TRUE(
      files_.RemoveFile("run/checkpoints/step_00000001/manifest.pb").ok());
  const auto none = Restored(files_, layout_);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->checkpoint.has_value());
  EXPECT_THAT(none->passed_over, SizeIs(2));
}

}  // namespace
}  // namespace cogdist::testing
