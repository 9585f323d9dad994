#include "launcher/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "proto/event.pb.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The checksum by its definition, bit by bit: an independent second version.
uint32_t SlowMaskedCrc(absl::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

// Takes a little-endian number off the front of `bytes`.
uint64_t TakeNumber(absl::string_view& bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  bytes.remove_prefix(size);
  return value;
}

std::vector<tensorboard::Event> ReadEvents(const std::string& path) {
  const std::string contents = *ReadFile(path);
  absl::string_view bytes = contents;
  std::vector<tensorboard::Event> events;
  while (!bytes.empty()) {
    const absl::string_view header = bytes.substr(0, 8);
    const uint64_t length = TakeNumber(bytes, 8);
    EXPECT_EQ(TakeNumber(bytes, 4), SlowMaskedCrc(header));
    const absl::string_view payload = bytes.substr(0, length);
    bytes.remove_prefix(length);
    EXPECT_EQ(TakeNumber(bytes, 4), SlowMaskedCrc(payload));
    EXPECT_TRUE(events.emplace_back().ParseFromString(std::string(payload)));
  }
  return events;
}

std::map<std::string, float> Values(const tensorboard::Event& event) {
  std::map<std::string, float> values;
  for (const tensorboard::Summary::Value& value : event.summary().value()) {
    EXPECT_TRUE(values.emplace(value.tag(), value.simple_value()).second);
  }
  return values;
}

TEST(EventFileTest, ChecksumsAreTheKnownOnes) {
  EXPECT_EQ(MaskedCrc32c(""), 0xa282ead8u);
  EXPECT_EQ(MaskedCrc32c("123456789"), 0xc78ab0e5u);
  EXPECT_EQ(MaskedCrc32c("a b c"), SlowMaskedCrc("a b c"));
}

TEST(EventFileTest, FramesARecordByteForByte) {
  EXPECT_THAT(
      TfRecord("abc"),
      ElementsAre(3, 0, 0, 0, 0, 0, 0, 0, '\xb0', '\x99', '\x49', '\x0e', 'a',
                  'b', 'c', '\x6e', '\x57', '\xf1', '\x21'));
}

TEST(EventFileTest, StartsWithTheVersionInANamedFile) {
  const TempDir dir;
  const absl::Time time = absl::FromUnixMillis(1700000000250);
  const absl::StatusOr<EventFile> file = EventFile::Create(dir.path(), time);
  ASSERT_TRUE(file.ok());
  EXPECT_THAT(file->path(), HasSubstr("/events.out.tfevents.1700000000."));
  const std::vector<tensorboard::Event> events = ReadEvents(file->path());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[0].wall_time(), 1700000000.25);
  EXPECT_FALSE(events[0].has_step());
}

TEST(EventFileTest, StepsAndEvaluationsReadBack) {
  const TempDir dir;
  const absl::Time time = absl::FromUnixMillis(2500);
  absl::StatusOr<EventFile> file = EventFile::Create(dir.path(), time);
  ASSERT_TRUE(file.ok());
  const StepRecord step = {.step = 3000000000,
                           .loss = 2.5,
                           .grad_norm = 0.5,
                           .lr = 0.25,
                           .tokens_per_second = 8,
                           .step_seconds = 0,
                           .mfu = 0.5,
                           .hidden_communication = 0.875,
                           .peak_memory_bytes = 4096};
  ASSERT_TRUE(file->Add(step, time).ok());
  ASSERT_TRUE(
      file->Add(EvaluationRecord{.step = 5, .loss = 0, .bits_per_byte = 2},
                time)
          .ok());
  const std::vector<tensorboard::Event> events = ReadEvents(file->path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1].step(), 3000000000);
  EXPECT_EQ(events[1].wall_time(), 2.5);
  EXPECT_THAT(
      Values(events[1]),
      UnorderedElementsAre(
          Pair("train/loss", 2.5f), Pair("train/grad_norm", 0.5f),
          Pair("train/learning_rate", 0.25f),
          Pair("throughput/tokens_per_second", 8.0f),
          Pair("throughput/mfu", 0.5f), Pair("throughput/step_seconds", 0.0f),
          Pair("throughput/hidden_communication", 0.875f),
          Pair("memory/peak_bytes", 4096.0f)));
  EXPECT_EQ(events[2].step(), 5);
  EXPECT_THAT(Values(events[2]),
              UnorderedElementsAre(Pair("validation/loss", 0.0f),
                                   Pair("validation/perplexity", 1.0f),
                                   Pair("validation/bits_per_byte", 2.0f)));
}

TEST(EventFileTest, LeavesOutWhatIsUnknown) {
  const TempDir dir;
  absl::StatusOr<EventFile> file =
      EventFile::Create(dir.path(), absl::UnixEpoch());
  ASSERT_TRUE(file.ok());
  const StepRecord skipped = {
      .step = 1, .skipped = true, .loss = 3, .grad_norm = kInfinity};
  ASSERT_TRUE(file->Add(skipped, absl::UnixEpoch()).ok());
  // Too large for a float.
  ASSERT_TRUE(file->Add(2, absl::UnixEpoch(), {{"x", 1e300}}).ok());
  const std::vector<tensorboard::Event> events = ReadEvents(file->path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_THAT(Values(events[1]),
              UnorderedElementsAre(Pair("train/learning_rate", 0.0f),
                                   Pair("throughput/tokens_per_second", 0.0f),
                                   Pair("throughput/step_seconds", 0.0f),
                                   Pair("memory/peak_bytes", 0.0f)));
}

TEST(EventFileTest, NeedsItsFolder) {
  const TempDir dir;
  const absl::Status status =
      EventFile::Create(dir / "none", absl::UnixEpoch()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir / "none"));
}

}  // namespace
}  // namespace cogdist
