// What happens when something goes wrong where the network or its data are
// shared out over ranks in every way: by real processes, as in failure_test.

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/launcher/failure_job.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::kGrace;
using testing::kTimeout;
using ::testing::Not;

constexpr char kTensorPipeline[] =
    "--set parallel.tensor=2 --set parallel.pipeline=2 ";
constexpr char kContextZero3[] =
    "--set parallel.context=2 --set parallel.zero_stage=3 ";
constexpr char kSequenceParallel[] = "--set parallel.sequence_parallel=true ";
constexpr char kTied[] = "--set model.cogformer.tie_embeddings=true ";
constexpr char kCheckEachStep[] =
    "--set resilience.replica_check_every_steps=1 ";

std::string Zero(int stage) {
  return absl::StrCat("--set parallel.zero_stage=", stage, " ");
}

class FailureLayoutsTest : public testing::FailureJob {
 protected:
  // Every rank that says something blames `rank`, whatever it waits in itself.
  void ExpectBlamed(const ProcessResult& job, int rank) {
    EXPECT_EQ(job.exit_code, 1) << job.output;
    EXPECT_LT(SecondsSinceStart(), kTimeout + kGrace);
    int told = 0;
    for (const absl::string_view line : absl::StrSplit(job.output, '\n')) {
      if (!absl::StartsWith(line, "cogdist: error: ")) continue;
      ++told;
      EXPECT_THAT(std::string(line),
                  ContainsRegex(absl::StrFormat(
                      "rank [0-9]+, step 3: .* \\(operation [0-9]+ of group "
                      ".*(missing:|held up by) rank %d$",
                      rank)));
    }
    EXPECT_GT(told, 0) << job.output;
  }
};

// The others wait in tensor all-reduces, for activations, for gradients, and
// for ranks that wait in those.
TEST_F(FailureLayoutsTest, TheRankThatHoldsUpAPipelineIsNamed) {
  int rank = 0;
  for (const char* fault : {"step:3:0:stall", "gradient:3:1:stop",
                            "step:3:2:stop", "gradient:3:3:stall"}) {
    SCOPED_TRACE(fault);
    const ProcessResult job = Hang(4, fault, kTensorPipeline);
    ExpectBlamed(job, rank++);
    EXPECT_THAT(job.output,
                ContainsRegex("message (to|from) rank [0-3] of [0-9]+ elements "
                              "\\(operation [0-9]+ of group pipeline "
                              "(activations|gradients) (sends|receives)\\)"));
  }
}

TEST_F(FailureLayoutsTest, TheRankThatHoldsUpARingOrGatheringIsNamed) {
  int rank = 1;
  for (const char* fault : {"gradient:3:1:stall", "collective:3:2:stop"}) {
    SCOPED_TRACE(fault);
    ExpectBlamed(Hang(4, fault, kContextZero3), rank++);
  }
}

TEST_F(FailureLayoutsTest, AStallWhileGroupsAreMadeIsNamed) {
  const ProcessResult job = Hang(4, "start:0:1:stall", kTensorPipeline);
  EXPECT_EQ(job.exit_code, 1) << job.output;
  EXPECT_THAT(job.output,
              AllOf(ContainsRegex("barrier \\(operation 1 of group pipeline "
                                  "activations creation\\) .*missing: rank 1"),
                    Not(ContainsRegex("missing: ranks"))));
}

TEST_F(FailureLayoutsTest, ARankThatIsKilledIsNamed) {
  int rank = 0;
  for (const char* layout : {kTensorPipeline, kContextZero3}) {
    for (const char* point : {"gradient", "collective"}) {
      SCOPED_TRACE(absl::StrCat(layout, point, rank));
      const ProcessResult job =
          Train(4, absl::StrFormat("%s:3:%d:kill", point, rank), layout);
      EXPECT_NE(job.exit_code, 0);
      EXPECT_LT(SecondsSinceStart(), kGrace);
      EXPECT_THAT(job.output, ContainsRegex(absl::StrFormat(
                                  "rank [0-3], step [23]: rank %d "
                                  "\\(process [0-9]+ on .*\\) "
                                  "is gone: step 3, .* of group ",
                                  rank)));
      ++rank;
    }
  }
}

// A NaN anywhere skips the step everywhere, and leaves nothing behind: losses
// are those of one rank whose step was skipped, and copies stay equal.
TEST_F(FailureLayoutsTest, OneNanSkipsOneStep) {
  ASSERT_EQ(Train(1, "gradient:3:0:nan").exit_code, 0);
  const std::vector<Json> expected = Metrics();
  ASSERT_EQ(expected.size(), 8);
  struct Case {
    int ranks;
    int rank;  // with the NaN
    std::string layout;
  };
  for (const Case& test : std::vector<Case>{
           {2, 1, Zero(2)},
           {4, 2, kContextZero3},
           {4, 0, kTensorPipeline},
           {4, 1, kTensorPipeline},  // of a gain of which rank 0 has the first
           {4, 3, kTensorPipeline},  // copy
           {4, 2, absl::StrCat(kTensorPipeline, kSequenceParallel)}}) {
    SCOPED_TRACE(absl::StrCat(test.layout, "NaN on rank ", test.rank));
    const ProcessResult job =
        Train(test.ranks, absl::StrFormat("gradient:3:%d:nan", test.rank),
              absl::StrCat(kCheckEachStep, test.layout));
    EXPECT_EQ(job.exit_code, 0) << job.output;
    const std::vector<Json> metrics = Metrics();
    ASSERT_EQ(metrics.size(), expected.size());
    for (size_t i = 0; i < metrics.size(); ++i) {
      SCOPED_TRACE(absl::StrCat("step ", i + 1));
      EXPECT_EQ(metrics[i].value("skipped", false), i == 2);
      if (i == 2) continue;
      EXPECT_NEAR(metrics[i]["loss"], expected[i]["loss"].get<double>(), 5e-6);
    }
  }
}

TEST_F(FailureLayoutsTest, ANanInEveryStepIsGivenUpWithDiagnostics) {
  const ProcessResult job =
      Train(4, "gradient:*:3:nan",
            absl::StrCat(kTensorPipeline,
                         "--set resilience.max_consecutive_skips=3"));
  EXPECT_EQ(job.exit_code, 93) << job.output;
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_TRUE(std::filesystem::exists(
        dir_ / absl::StrFormat("run/log/diagnostics_rank_%05d.txt", rank)));
  }
}

// Uneven tensor shards, so that ranks cut their copies of norm gains in other
// places; key/value heads on two ranks; tables on both ends of a pipeline.
TEST_F(FailureLayoutsTest, ReplicasAgreeInEveryLayout) {
  const std::string tensor2 = "--set parallel.tensor=2 ";
  const std::string uneven = "--set model.cogformer.ffn_size=49 ";
  const std::string shared_heads =
      "--set parallel.tensor=4 --set model.cogformer.num_heads=4 --set "
      "model.cogformer.num_kv_heads=2 ";
  for (const auto& [ranks, layout] : std::vector<std::pair<int, std::string>>{
           {4, absl::StrCat(tensor2, uneven, Zero(1))},
           {4, absl::StrCat(tensor2, uneven, Zero(2), kSequenceParallel)},
           {4, absl::StrCat(tensor2, uneven, Zero(3))},
           {8, absl::StrCat(shared_heads, Zero(1))},
           {8, absl::StrCat(kTensorPipeline, kTied, Zero(2))},
           {4, absl::StrCat("--set parallel.pipeline=2 ", kTied, Zero(3))}}) {
    SCOPED_TRACE(layout);
    const ProcessResult job =
        Train(ranks, "",
              absl::StrCat(layout, kCheckEachStep, "--set train_steps=20 "));
    EXPECT_EQ(job.exit_code, 0) << job.output;
  }
}

TEST_F(FailureLayoutsTest, AFlippedBitIsFound) {
  struct Case {
    int ranks;
    int rank;  // with the flipped bit
    std::string layout;
    std::string found;
  };
  for (const Case& test : std::vector<Case>{
           // Of three shards rank 3 has another one than its replicas.
           {6, 3, absl::StrCat("--set parallel.tensor=2 ", Zero(1)),
            "model.embed_tokens.weight differs on rank 3 from the other"},
           {2, 0, absl::StrCat("--set parallel.pipeline=2 ", kTied),
            "model.embed_tokens.weight differs on ranks 0, 1; no majority"},
           {4, 3, kTensorPipeline,
            "model.layers.2.input_layernorm.weight differs on ranks 2, 3; no"},
           {4, 1, absl::StrCat("--set parallel.context=2 ", Zero(2)),
            "model.embed_tokens.weight differs on rank 1 from the other"}}) {
    SCOPED_TRACE(test.layout);
    const ProcessResult job =
        Train(test.ranks, absl::StrFormat("parameter:3:%d:flip", test.rank),
              absl::StrCat(test.layout, kCheckEachStep));
    EXPECT_EQ(job.exit_code, 1) << job.output;
    EXPECT_THAT(job.output,
                AllOf(HasSubstr(test.found), HasSubstr("after step 3")));
  }
}

TEST_F(FailureLayoutsTest, RanksWithDifferentLayoutsDoNotStart) {
  const std::string program = absl::StrCat(COGDIST_BINARY, " config.pbtxt ");
  const ProcessResult job = MpiRun(
      absl::StrCat("-np 3 ", program, kTensorPipeline, ": -np 1 ", program,
                   "--set parallel.tensor=2 --set parallel.context=2"));
  EXPECT_EQ(job.exit_code, 2) << job.output;
  EXPECT_THAT(job.output, HasSubstr("parallel.pipeline is 1 on rank 3, but 2 "
                                    "on ranks 0, 1, 2"));
  const ProcessResult zero = MpiRun(absl::StrCat(
      "-np 1 ", program, ": -np 1 ", program, "--set parallel.zero_stage=1"));
  EXPECT_EQ(zero.exit_code, 2) << zero.output;
  EXPECT_THAT(zero.output, HasSubstr("parallel.zero_stage is 1 on rank 1, but "
                                     "0 on rank 0"));
}

TEST_F(FailureLayoutsTest, ALeftOverOfALauncherIsNoticed) {
  const ProcessResult job = RunShell(
      absl::StrCat("OMPI_COMM_WORLD_SIZE=4 ", COGDIST_BINARY, " config.pbtxt"),
      dir_.path());
  EXPECT_EQ(job.exit_code, 2) << job.output;
  EXPECT_THAT(job.output, HasSubstr("OMPI_COMM_WORLD_SIZE=4, but MPI has 1"));
}

TEST_F(FailureLayoutsTest, AStopRequestStopsAllRanksAfterTheSameStep) {
  for (const auto& [signal, layout] :
       std::vector<std::pair<std::string, std::string>>{
           {"TERM", kTensorPipeline}, {"USR1", kContextZero3}}) {
    SCOPED_TRACE(absl::StrCat(layout, signal));
    std::filesystem::remove_all(dir_ / "run");
    // Only one rank is asked.
    std::ofstream(dir_ / "rank.sh")
        << COGDIST_BINARY << " config.pbtxt --resume none "
        << "--set train_steps=100000000 " << layout << "&\n"
        << "[ $OMPI_COMM_WORLD_RANK != 3 ] || { " << kAwaitStep << "; kill -"
        << signal << " $!; }\nwait $!\n";
    const ProcessResult job = MpiRun("-np 4 bash rank.sh");
    EXPECT_EQ(job.exit_code, 75) << job.output;
    EXPECT_THAT(job.output, HasSubstr(absl::StrCat("stopped by SIG", signal,
                                                   " to rank 3 after step")));
    EXPECT_THAT(job.output, HasSubstr("start again to go on from run/"));
  }
}

TEST_F(FailureLayoutsTest, TheTimeLimitStopsAllRanks) {
  const ProcessResult job =
      Train(4, "",
            absl::StrCat(kTensorPipeline,
                         "--set train_steps=100000000 --set "
                         "time_limit_seconds=1"));
  EXPECT_EQ(job.exit_code, 75) << job.output;
  EXPECT_THAT(job.output,
              HasSubstr("stopped by the time limit of 1 s after step"));
}

// Stages and tensor-parallel ranks meet the same wrong token; none is left
// waiting for another one.
TEST_F(FailureLayoutsTest, AWrongTokenInForeignDataFailsTheRun) {
  std::filesystem::remove(dir_ / "text.meta.json");
  std::ofstream(dir_ / "config.pbtxt") << absl::StrReplaceAll(
      testing::kFailingConfig,
      {{"eos_token_id: 256", ""}, {"vocab_size: 257", "vocab_size: 256"}});
  for (const auto& [ranks, layout] : std::vector<std::pair<int, std::string>>{
           {2, "--set parallel.pipeline=2"},
           {2, "--set parallel.tensor=2"},
           {4, kContextZero3},
           {8, kTensorPipeline}}) {
    SCOPED_TRACE(layout);
    const ProcessResult job = Train(ranks, "", layout);
    EXPECT_EQ(job.exit_code, 1) << job.output;
    EXPECT_THAT(job.output,
                ContainsRegex("cogdist: error: rank [0-7]: text.bin: token id "
                              "256 in document [0-9]+ at offset [0-9]+ is not "
                              "in \\[0, 256\\)"));
  }
}

}  // namespace
}  // namespace cogdist
