// What happens when something goes wrong, through real processes: every rank
// that dies, hangs or differs ends the job in time, with a message that names
// rank, step and operation.

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/file.h"
#include "tests/launcher/failure_job.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::kGrace;
using testing::kTimeout;
using ::testing::Not;

using FailureTest = testing::FailureJob;

// The first to notice tells; it may still be at the end of the step before.
TEST_F(FailureTest, ARankThatIsKilledIsNamed) {
  for (int rank = 0; rank < 3; ++rank) {
    SCOPED_TRACE(rank);
    const ProcessResult job =
        Train(3, absl::StrFormat("collective:3:%d:kill", rank));
    EXPECT_NE(job.exit_code, 0);
    EXPECT_LT(SecondsSinceStart(), kGrace);
    EXPECT_THAT(job.output,
                ContainsRegex(absl::StrFormat(
                    "rank [0-2], step [23]: rank %d \\(process [0-9]+ on .*\\) "
                    "is gone: step 3, .*all-reduce of [0-9]+ elements "
                    "\\(operation [0-9]+ of group replicas\\)",
                    rank)));
  }
}

TEST_F(FailureTest, EveryPointAndWayOfDying) {
  for (const char* fault : {"start:0:1:kill", "step:2:1:exit",
                            "gradient:2:1:abort", "parameter:2:1:kill"}) {
    SCOPED_TRACE(fault);
    const ProcessResult job = Train(2, fault);
    EXPECT_NE(job.exit_code, 0);
    EXPECT_THAT(job.output,
                ContainsRegex("rank 0, step [0-3]: rank 1 \\(process .* is "
                              "gone"));
  }
}

TEST_F(FailureTest, AStoppedRankIsNamed) {
  for (int rank = 0; rank < 2; ++rank) {
    SCOPED_TRACE(rank);
    const ProcessResult job = Hang(2, absl::StrFormat("step:3:%d:stop", rank));
    EXPECT_EQ(job.exit_code, 1) << job.output;
    EXPECT_LT(SecondsSinceStart(), kTimeout + kGrace);
    EXPECT_THAT(job.output,
                AllOf(ContainsRegex(absl::StrFormat(
                          "rank %d, step 3: all-reduce of [0-9]+ elements "
                          "\\(operation [0-9]+ of group replicas\\) has not "
                          "ended for .* missing: rank %d",
                          1 - rank, rank)),
                      HasSubstr("is stopped by a signal: step 3")));
  }
}

TEST_F(FailureTest, AStalledRankIsNamed) {
  for (const char* fault : {"collective:3:2:stall", "step:3:2:stall"}) {
    SCOPED_TRACE(fault);
    const ProcessResult job = Hang(3, fault);
    EXPECT_EQ(job.exit_code, 1) << job.output;
    EXPECT_LT(SecondsSinceStart(), kTimeout + kGrace);
    EXPECT_THAT(job.output,
                AllOf(ContainsRegex("rank [0-2], step 3: .* of group "
                                    "replicas.* missing: rank 2\n"),
                      ContainsRegex("rank 2 .* does not respond: step 3")));
  }
}

TEST_F(FailureTest, AStallBeforeTheFirstStepIsNamed) {
  const ProcessResult job = Hang(2, "start:0:1:stall");
  EXPECT_EQ(job.exit_code, 1) << job.output;
  EXPECT_THAT(job.output,
              ContainsRegex("rank 0, step 0: exchange of values .* of group "
                            "world control.* missing: rank 1"));
}

TEST_F(FailureTest, RanksWithDifferentConfigurationsDoNotStart) {
  const std::string rank =
      absl::StrCat(" -np 1 ", COGDIST_BINARY, " config.pbtxt ");
  const ProcessResult job =
      MpiRun(absl::StrCat(rank, ":", rank, "--set seed=99 :", rank));
  EXPECT_EQ(job.exit_code, 2) << job.output;
  EXPECT_THAT(job.output,
              HasSubstr("the ranks were not started alike: seed is 99 on rank "
                        "1, but 1234 on ranks 0, 2"));
  const ProcessResult steps =
      MpiRun(absl::StrCat(rank, ":", rank, "--steps 3"));
  EXPECT_EQ(steps.exit_code, 2) << steps.output;
  EXPECT_THAT(steps.output,
              HasSubstr("train --steps 3 --resume auto on rank 1"));
  // Another layout there would make groups that do not fit.
  const ProcessResult layout =
      MpiRun(absl::StrCat(rank, ":", rank, "--set parallel.tensor=2"));
  EXPECT_EQ(layout.exit_code, 2) << layout.output;
  EXPECT_THAT(layout.output, HasSubstr("parallel.tensor is 2 on rank 1"));
}

TEST_F(FailureTest, AWrongNumberOfRanksNamesOnesThatWork) {
  const ProcessResult job = Train(3, "", "--set parallel.context=2");
  EXPECT_EQ(job.exit_code, 2) << job.output;
  EXPECT_THAT(job.output, HasSubstr("start 2 or 4 ranks"));
}

TEST_F(FailureTest, AFaultIsCheckedBeforeAnyWork) {
  const ProcessResult wrong = Train(2, "step:1:kill");
  EXPECT_EQ(wrong.exit_code, 2) << wrong.output;
  EXPECT_THAT(wrong.output, HasSubstr("POINT:STEP:RANK:ACTION"));
  const ProcessResult nobody = Train(2, "step:1:2:kill");
  EXPECT_EQ(nobody.exit_code, 2) << nobody.output;
  EXPECT_THAT(nobody.output, HasSubstr("no rank 2 in a job of 2 ranks"));
}

TEST_F(FailureTest, OneNanSkipsOneStep) {
  const ProcessResult job = Train(2, "gradient:3:1:nan");
  EXPECT_EQ(job.exit_code, 0) << job.output;
  EXPECT_THAT(job.output, AllOf(HasSubstr("step 3 was skipped"),
                                Not(HasSubstr("step 4 was skipped"))));
  EXPECT_THAT(*ReadFile(dir_ / "run/metrics.jsonl"),
              HasSubstr("\"skipped\":true"));
}

TEST_F(FailureTest, ANanInEveryStepIsGivenUpWithDiagnostics) {
  const ProcessResult job =
      Train(2, "gradient:*:1:nan", "--set resilience.max_consecutive_skips=3");
  EXPECT_EQ(job.exit_code, 93) << job.output;
  EXPECT_THAT(job.output, HasSubstr("log/diagnostics_rank_*.txt"));
  for (const char* rank : {"00000", "00001"}) {
    const absl::StatusOr<std::string> text = ReadFile(
        dir_ / absl::StrCat("run/log/diagnostics_rank_", rank, ".txt"));
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_THAT(*text, AllOf(HasSubstr("after step 3"),
                             ContainsRegex(" [1-9][0-9]* of .*gradient")));
  }
}

TEST_F(FailureTest, AFlippedBitIsFound) {
  const ProcessResult job = Train(
      3, "parameter:3:2:flip", "--set resilience.replica_check_every_steps=2");
  EXPECT_EQ(job.exit_code, 1) << job.output;
  EXPECT_THAT(
      job.output,
      AllOf(HasSubstr("model.embed_tokens.weight differs on rank 2 from "
                      "the other replicas"),
            HasSubstr("after step 4")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run/weights/model.safetensors"));
  const ProcessResult two = Train(
      2, "parameter:3:1:flip", "--set resilience.replica_check_every_steps=1");
  EXPECT_EQ(two.exit_code, 1) << two.output;
  EXPECT_THAT(two.output, HasSubstr("no majority tells which of them"));
}

TEST_F(FailureTest, WithoutAFaultNothingIsSaid) {
  const ProcessResult job =
      Train(3, "", "--set resilience.replica_check_every_steps=2");
  EXPECT_EQ(job.exit_code, 0) << job.output;
  EXPECT_THAT(job.output, Not(HasSubstr("error")));
}

}  // namespace
}  // namespace cogdist
