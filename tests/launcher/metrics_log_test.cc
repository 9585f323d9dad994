#include "launcher/metrics_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "runtime/file.h"
#include "runtime/rng.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::nlohmann::json;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

uint64_t Bits(const json& value) {
  return std::bit_cast<uint64_t>(value.get<double>());
}
uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

json Line(const StepRecord& record) {
  return json::parse(ToJson(record, 1, absl::UnixEpoch()));
}

// The whole lines of a file.
std::vector<json> ReadLines(const std::string& path) {
  std::vector<json> lines;
  std::vector<std::string> texts = absl::StrSplit(*ReadFile(path), '\n');
  EXPECT_EQ(texts.back(), "");
  texts.pop_back();
  for (const std::string& text : texts) lines.push_back(json::parse(text));
  return lines;
}

// Any finite double, all exponents and both signs alike.
double AnyFinite(const Rng& rng, uint64_t index) {
  const double value = std::bit_cast<double>(rng.Bits(index));
  return std::isfinite(value) ? value : 1.0;
}

TEST(MetricsLogTest, NumbersReadBackBitForBit) {
  const Rng rng(1, "metrics");
  for (uint64_t i = 0; i < 5000; ++i) {
    const StepRecord record = {
        .step = static_cast<int64_t>(rng.Bits(10 * i) >> 1),
        .loss = AnyFinite(rng, 10 * i + 1),
        .grad_norm = AnyFinite(rng, 10 * i + 2),
        .lr = rng.Uniform(10 * i + 3),
        .tokens = static_cast<int64_t>(rng.Bits(10 * i + 4) >> 1),
        .tokens_per_second = AnyFinite(rng, 10 * i + 5),
        .step_seconds = AnyFinite(rng, 10 * i + 6),
        .mfu = rng.Uniform(10 * i + 7),
    };
    const json line = Line(record);
    EXPECT_EQ(line["step"].get<int64_t>(), record.step);
    EXPECT_EQ(Bits(line["loss"]), Bits(record.loss));
    EXPECT_EQ(Bits(line["grad_norm"]), Bits(record.grad_norm));
    EXPECT_EQ(Bits(line["lr"]), Bits(record.lr));
    EXPECT_EQ(line["tokens"].get<int64_t>(), record.tokens);
    EXPECT_EQ(Bits(line["tokens_per_second"]), Bits(record.tokens_per_second));
    EXPECT_EQ(Bits(line["step_seconds"]), Bits(record.step_seconds));
    EXPECT_EQ(Bits(line["mfu"]), Bits(*record.mfu));
  }
}

TEST(MetricsLogTest, ExtremeNumbersReadBack) {
  using Limits = std::numeric_limits<double>;
  for (const double value :
       {0.0, -0.0, 0.1, 1.0, 1e22, 3e-4, Limits::min(), Limits::max(),
        Limits::denorm_min(), Limits::epsilon(), 1 - Limits::epsilon() / 2}) {
    EXPECT_EQ(Bits(Line({.loss = value})["loss"]), Bits(value)) << value;
  }
  EXPECT_EQ(Line({.tokens = std::numeric_limits<int64_t>::max()})["tokens"]
                .get<int64_t>(),
            std::numeric_limits<int64_t>::max());
}

TEST(MetricsLogTest, AStepHasEveryPromisedMember) {
  const StepRecord record = {.step = 3,
                             .loss = 2.5,
                             .grad_norm = 0.5,
                             .lr = 0.25,
                             .tokens = 6,
                             .samples = 2,
                             .epoch = 1,
                             .tokens_per_second = 8,
                             .step_seconds = 0.75,
                             .mfu = 0.5,
                             .hidden_communication = 0.875,
                             .peak_memory_bytes = 4096};
  EXPECT_EQ(
      ToJson(record, 2, absl::FromUnixMillis(1500)),
      R"({"step":3,"loss":2.5,"grad_norm":0.5,"lr":0.25,"tokens":6,)"
      R"("samples":2,"tokens_per_second":8.0,"mfu":0.5,"step_seconds":0.75,)"
      R"("hidden_communication":0.875,"peak_memory_bytes":4096,)"
      R"("epoch":1,"attempt":2,"time":1.5})");
}

TEST(MetricsLogTest, UnknownAndNonFiniteNumbersAreNull) {
  const json line = Line({.grad_norm = kInfinity,
                          .tokens_per_second = std::nan(""),
                          .step_seconds = -kInfinity});
  EXPECT_TRUE(line["grad_norm"].is_null());
  EXPECT_TRUE(line["tokens_per_second"].is_null());
  EXPECT_TRUE(line["step_seconds"].is_null());
  EXPECT_TRUE(line["mfu"].is_null());
  EXPECT_FALSE(line.contains("hidden_communication"));
  EXPECT_FALSE(line.contains("skipped"));
}

TEST(MetricsLogTest, ASkippedStepHasNoLoss) {
  const json line =
      Line({.step = 7, .skipped = true, .loss = 3.0, .grad_norm = kInfinity});
  EXPECT_TRUE(line["loss"].is_null());
  EXPECT_EQ(line["skipped"], true);
  EXPECT_EQ(line["step"], 7);
}

TEST(MetricsLogTest, AnEvaluationHasEveryPromisedMember) {
  const EvaluationRecord record = {
      .step = 4, .tokens = 9, .epoch = 1, .loss = 0, .bits_per_byte = 1.25};
  EXPECT_EQ(ToJson(record, 3, absl::UnixEpoch()),
            R"({"step":4,"validation_loss":0.0,"validation_perplexity":1.0,)"
            R"("validation_bits_per_byte":1.25,"tokens":9,"epoch":1,)"
            R"("attempt":3,"time":0.0})");
  EXPECT_NEAR(Perplexity(std::log(50257.0)), 50257.0, 1e-9 * 50257);
  const json huge =
      json::parse(ToJson(EvaluationRecord{.loss = 1000}, 1, absl::UnixEpoch()));
  EXPECT_TRUE(huge["validation_perplexity"].is_null());
  EXPECT_FALSE(huge.contains("validation_bits_per_byte"));
}

TEST(MetricsLogTest, LinesAreInTheFileAtOnce) {
  const TempDir dir;
  absl::StatusOr<MetricsLog> log = MetricsLog::Open(dir / "metrics.jsonl", 1);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(log->Write(StepRecord{.step = 1, .loss = 4.5}).ok());
  EXPECT_EQ(ReadLines(dir / "metrics.jsonl").size(), 1u);
  ASSERT_TRUE(log->Write(EvaluationRecord{.step = 1, .loss = 4.25}).ok());
  const std::vector<json> lines = ReadLines(dir / "metrics.jsonl");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["loss"], 4.5);
  EXPECT_EQ(lines[1]["validation_loss"], 4.25);
  EXPECT_NEAR(lines[1]["time"].get<double>(),
              absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), 60);
}

TEST(MetricsLogTest, AnotherAttemptKeepsTheLines) {
  const TempDir dir;
  const std::string path = dir / "metrics.jsonl";
  for (int64_t attempt = 1; attempt <= 3; ++attempt) {
    absl::StatusOr<MetricsLog> log = MetricsLog::Open(path, attempt);
    ASSERT_TRUE(log.ok());
    ASSERT_TRUE(log->Write(StepRecord{.step = 10 * attempt}).ok());
    ASSERT_TRUE(log->Write(EvaluationRecord{.step = 10 * attempt}).ok());
  }
  const std::vector<json> lines = ReadLines(path);
  ASSERT_EQ(lines.size(), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(lines[i]["attempt"], 1 + i / 2);
}

TEST(MetricsLogTest, RemovesALineThatACrashCutShort) {
  const TempDir dir;
  const std::string path = dir / "metrics.jsonl";
  const std::string whole =
      ToJson(StepRecord{.step = 1}, 4, absl::UnixEpoch()) + "\n";
  ASSERT_TRUE(WriteFileAtomically(path, whole + R"({"step":2,"lo)").ok());
  absl::StatusOr<MetricsLog> log = MetricsLog::Open(path, 5);
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(*ReadFile(path), whole);
  ASSERT_TRUE(log->Write(StepRecord{.step = 2}).ok());
  EXPECT_THAT(*ReadFile(path), StartsWith(whole));
  EXPECT_EQ(ReadLines(path).size(), 2u);
}

}  // namespace
}  // namespace cogdist
