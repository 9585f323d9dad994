#include "parallel/checkpoint/manifest_file.h"

#include <google/protobuf/util/message_differencer.h>

#include <functional>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "runtime/crc32c.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Two tensors in two shards, each with a header of 16 bytes: "a" [4, 6], of
// which shard 0 has columns 0 to 3, shard 1 the rest; "b" [10], elements 0 to 6
// in shard 1, the rest in shard 0.
CheckpointManifest Manifest() {
  CheckpointManifest manifest;
  manifest.set_format_version(1);
  manifest.set_min_reader_version(1);
  manifest.set_chunk_bytes(16);
  manifest.mutable_train_state()->set_step(5);
  manifest.mutable_config()->set_name("x");
  struct Part {
    std::vector<int64_t> offset, extent;
    int64_t begin, count;
    uint32_t shard;
  };
  std::vector<int64_t> ends = {16, 16};
  const auto add = [&](const char* name, std::vector<int64_t> shape,
                       const std::vector<Part>& parts) {
    CheckpointTensor& tensor = *manifest.add_tensors();
    tensor.set_name(name);
    tensor.set_role(PARAM);
    tensor.set_dtype(FLOAT32);
    for (const int64_t extent : shape) tensor.add_shape(extent);
    for (const Part& part : parts) {
      CheckpointSlice& slice = *tensor.add_slices();
      for (const int64_t x : part.offset) slice.add_offset(x);
      for (const int64_t x : part.extent) slice.add_extent(x);
      slice.set_begin(part.begin);
      slice.set_count(part.count);
      slice.set_shard(part.shard);
      slice.set_file_offset(ends[part.shard]);
      slice.set_bytes(4 * part.count);
      ends[part.shard] += 4 * part.count;
      for (int i = 0; i < (4 * part.count + 15) / 16; ++i) {
        slice.add_crc32c(i);
      }
    }
  };
  add("a", {4, 6}, {{{0, 0}, {4, 4}, 0, 16, 0}, {{0, 4}, {4, 2}, 0, 8, 1}});
  add("b", {10}, {{{0}, {10}, 0, 7, 1}, {{0}, {10}, 7, 3, 0}});
  for (int i = 0; i < 2; ++i) {
    CheckpointShard& shard = *manifest.add_shards();
    shard.set_path(i == 0 ? "first" : "second");
    shard.set_header_bytes(16);
    shard.set_bytes(ends[i]);
  }
  return manifest;
}

std::string Framed(const std::string& message) {
  const uint64_t length = message.size();
  std::string file = "COGCKPT1";
  file.append(reinterpret_cast<const char*>(&length), 8);
  file += message;
  const uint32_t crc = Crc32c(file);
  file.append(reinterpret_cast<const char*>(&crc), 4);
  return file;
}

TEST(ManifestFileTest, ComesBackAsItWas) {
  const CheckpointManifest manifest = Manifest();
  const auto file = EncodeManifest(manifest);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*file, Framed(manifest.SerializeAsString()));
  const auto decoded = DecodeManifest(*file, "m");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(*decoded, manifest));
  EXPECT_THAT(ManifestText(manifest), HasSubstr("name: \"a\""));
}

TEST(ManifestFileTest, EveryBitAndEveryLengthCounts) {
  const std::string file = *EncodeManifest(Manifest());
  for (size_t i = 0; i < 8 * file.size(); ++i) {
    std::string damaged = file;
    damaged[i / 8] ^= 1 << i % 8;
    const absl::Status status = DecodeManifest(damaged, "the/path").status();
    ASSERT_TRUE(absl::IsDataLoss(status)) << i;
    EXPECT_THAT(std::string(status.message()), StartsWith("the/path: "));
  }
  for (size_t bytes = 0; bytes < file.size(); ++bytes) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeManifest(file.substr(0, bytes), "m").status()));
  }
  EXPECT_FALSE(DecodeManifest(file + "x", "m").ok());
}

// What is wrong with a manifest after a change; its checksum is right.
std::string FaultAfter(const std::function<void(CheckpointManifest&)>& change) {
  CheckpointManifest manifest = Manifest();
  change(manifest);
  const absl::Status status =
      DecodeManifest(Framed(manifest.SerializeAsString()), "m").status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

TEST(ManifestFileTest, SlicesTileTheirTensors) {
  const auto slice = [](CheckpointManifest& m, int tensor, int slice) {
    return m.mutable_tensors(tensor)->mutable_slices(slice);
  };
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m, 0, 1)->set_offset(1, 3); }),
              HasSubstr("tensor a has slices that overlap"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m, 1, 1)->set_begin(6); }),
              HasSubstr("tensor b has slices that overlap"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m, 1, 1)->set_begin(8); }),
              HasSubstr("outside of its box"));
  EXPECT_THAT(FaultAfter([&](auto& m) {
                m.mutable_tensors(1)->mutable_slices()->RemoveLast();
              }),
              HasSubstr("tensor b lacks a slice that begins at element 7"));
  EXPECT_THAT(FaultAfter([&](auto& m) {
                m.mutable_tensors(0)->mutable_slices()->RemoveLast();
              }),
              HasSubstr("tensor a lacks slices for 8 of its elements"));
  EXPECT_THAT(
      FaultAfter([&](auto& m) { m.mutable_tensors(1)->clear_slices(); }),
      HasSubstr("tensor b lacks slices for 10"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m, 0, 0)->set_extent(0, 5); }),
              HasSubstr("outside of its shape"));
  EXPECT_THAT(FaultAfter([&](auto& m) {
                slice(m, 0, 0)->set_extent(0, int64_t{1} << 62);
              }),
              HasSubstr("tensor a"));
  EXPECT_THAT(FaultAfter([&](auto& m) {
                m.mutable_tensors(0)->set_shape(0, int64_t{1} << 60);
              }),
              HasSubstr("tensor a has no valid shape"));
}

TEST(ManifestFileTest, SlicesLieInTheirShards) {
  const auto slice = [](CheckpointManifest& m) {
    return m.mutable_tensors(0)->mutable_slices(0);
  };
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m)->set_shard(2); }),
              HasSubstr("tensor a has a slice in a shard that is not listed"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m)->set_file_offset(8); }),
              HasSubstr("does not lie in the data of first"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m)->set_file_offset(17); }),
              HasSubstr("shard \"first\" has no slice, or two, at byte 16"));
  EXPECT_THAT(
      FaultAfter([&](auto& m) { slice(m)->set_file_offset(1LL << 62); }),
      HasSubstr("does not lie in the data of first"));
  EXPECT_THAT(FaultAfter([&](auto& m) { slice(m)->add_crc32c(1); }),
              HasSubstr("5 checksums for 4 chunks"));
  EXPECT_THAT(
      FaultAfter([&](auto& m) { m.mutable_shards(0)->set_path("../x"); }),
      HasSubstr("is no file name"));
  EXPECT_THAT(
      FaultAfter([&](auto& m) { m.mutable_shards(0)->set_path("second"); }),
      HasSubstr("comes twice"));
  EXPECT_THAT(FaultAfter([&](auto& m) { m.mutable_tensors(1)->set_name("a"); }),
              HasSubstr("tensor a"));
  EXPECT_THAT(FaultAfter([&](auto& m) { m.set_chunk_bytes(0); }),
              HasSubstr("chunks of 0 bytes"));
  EXPECT_THAT(FaultAfter([&](auto& m) { m.clear_train_state(); }),
              HasSubstr("no step"));
}

TEST(ManifestFileTest, ANewerFormatIsNoDamage) {
  CheckpointManifest manifest = Manifest();
  manifest.set_min_reader_version(2);
  manifest.set_program_version("cogdist 9");
  const absl::Status status =
      DecodeManifest(Framed(manifest.SerializeAsString()), "m").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("format 2"), HasSubstr("cogdist 9")));
  // One that old readers understand is read.
  manifest.set_min_reader_version(1);
  manifest.set_format_version(2);
  EXPECT_TRUE(DecodeManifest(Framed(manifest.SerializeAsString()), "m").ok());
}

// Damaged messages behind right checksums: errors, or manifests that hold what
// they promise; neither crashes nor memory beyond the bytes.
TEST(ManifestFileTest, AnyBytesGiveAnAnswer) {
  std::mt19937_64 random(3);
  const std::string message = Manifest().SerializeAsString();
  for (int i = 0; i < 20000; ++i) {
    std::string changed = message;
    for (uint64_t n = random() % 4 + 1; n > 0; --n) {
      const size_t at = random() % changed.size();
      switch (random() % 4) {
        case 0:
          changed[at] = static_cast<char>(random());
          break;
        case 1:
          changed.erase(at, random() % 8);
          break;
        case 2:
          changed.insert(at, std::string(random() % 8, '\xff'));
          break;
        default:
          changed.insert(at, changed.substr(random() % changed.size(), 16));
      }
      if (changed.empty()) changed = "x";
    }
    (void)DecodeManifest(Framed(changed), "m");
    (void)DecodeManifest(changed, "m");
  }
}

}  // namespace
}  // namespace cogdist
