#include "launcher/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "runtime/unique_fd.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kWide = 1000;

StepRecord Step(int64_t step) {
  return {.step = step,
          .loss = 3.21398,
          .tokens_per_second = 412345,
          .step_seconds = 2,
          .mfu = 0.5117};
}

absl::Time Seconds(double seconds) {
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

TEST(FormatProgressTest, HasEveryField) {
  EXPECT_EQ(FormatProgress(Step(1200), 10000, 11160, kWide),
            "step 1200/10000 | loss 3.2140 | 412k tok/s | MFU 51.2 % | "
            "3 h 06 min left");
}

TEST(FormatProgressTest, LeavesOutWhatIsUnknown) {
  const StepRecord record = {
      .step = 1, .skipped = true, .tokens_per_second = 10};
  EXPECT_EQ(FormatProgress(record, 2, std::nan(""), kWide),
            "step 1/2 | skipped | 10 tok/s");
}

TEST(FormatProgressTest, FitsEveryWidth) {
  const std::string whole = FormatProgress(Step(1200), 10000, 11160, kWide);
  for (int width = 0; width <= static_cast<int>(whole.size()) + 1; ++width) {
    const std::string line = FormatProgress(Step(1200), 10000, 11160, width);
    EXPECT_LE(static_cast<int>(line.size()), width);
    EXPECT_EQ(whole.substr(0, line.size()), line);  // whole fields go
  }
  EXPECT_EQ(FormatProgress(Step(1200), 10000, 11160, 29),
            "step 1200/10000 | loss 3.2140");
  EXPECT_EQ(FormatProgress(Step(1200), 10000, 11160, 28), "step 1200/10000");
  EXPECT_EQ(FormatProgress(Step(1200), 10000, 11160, 6), "step 1");
}

TEST(FormatEvaluationTest, SaysWhatIsKnown) {
  EXPECT_EQ(FormatEvaluation({.step = 10, .loss = 0}),
            "step 10: validation loss 0.0000, perplexity 1");
  EXPECT_EQ(FormatEvaluation(
                {.step = 10, .loss = std::log(24.9), .bits_per_byte = 1.2344}),
            "step 10: validation loss 3.2149, perplexity 24.9, "
            "1.234 bits per byte");
}

TEST(SmoothedStepTimeTest, FollowsTheSteps) {
  SmoothedStepTime time;
  EXPECT_TRUE(std::isnan(time.seconds()));
  time.Add(3);
  EXPECT_DOUBLE_EQ(time.seconds(), 3);  // no pull towards 0 at first
  time.Add(std::nan(""));
  EXPECT_DOUBLE_EQ(time.seconds(), 3);
  time.Add(1);  // (0.9 * 3 + 1) / 1.9
  EXPECT_NEAR(time.seconds(), 3.7 / 1.9, 1e-12);
  for (int i = 0; i < 200; ++i) time.Add(1);
  EXPECT_NEAR(time.seconds(), 1, 1e-6);
}

TEST(ProgressTest, PlainLinesComeOnceASecondWithFirstAndLast) {
  std::ostringstream out;
  Progress progress({.out = out, .train_steps = 100});
  for (int step = 1; step <= 100; ++step) {
    progress.Update(Step(step), Seconds(step * 0.025));  // 2.475 s in all
  }
  progress.Finish();
  std::vector<std::string> lines = absl::StrSplit(out.str(), '\n');
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  EXPECT_THAT(
      lines,
      ElementsAre(HasSubstr("step 1/100 "), HasSubstr("step 41/100 "),
                  HasSubstr("step 81/100 "), HasSubstr("step 100/100 ")));
  EXPECT_THAT(lines[0], HasSubstr("3 min 18 s left"));
}

TEST(ProgressTest, SlowStepsAreAllShown) {
  std::ostringstream out;
  Progress progress({.out = out, .train_steps = 3});
  for (int step = 1; step <= 3; ++step) {
    progress.Update(Step(step), Seconds(step));
  }
  const std::vector<std::string> lines = absl::StrSplit(out.str(), '\n');
  EXPECT_THAT(lines, SizeIs(4));
}

TEST(ProgressTest, AnEarlyEndShowsTheNewestStep) {
  std::ostringstream out;
  {
    Progress progress({.out = out, .train_steps = 100});
    progress.Update(Step(1), Seconds(0));
    progress.Update(Step(2), Seconds(0.1));
    EXPECT_THAT(out.str(), Not(HasSubstr("step 2/")));
  }
  EXPECT_THAT(out.str(), HasSubstr("step 2/100"));
}

TEST(ProgressTest, ATerminalShowsOneLineRewritten) {
  std::ostringstream out;
  Progress progress({.out = out, .train_steps = 10, .terminal_width = 16});
  progress.Update(Step(1), Seconds(0));
  progress.Update(Step(2), Seconds(0.001));
  EXPECT_EQ(out.str(), "\r\x1b[Kstep 1/10\r\x1b[Kstep 2/10");
  out.str("");
  progress.Print("saved");
  EXPECT_EQ(out.str(), "\r\x1b[Ksaved\n\r\x1b[Kstep 2/10");
  out.str("");
  progress.Finish();
  progress.Finish();
  EXPECT_EQ(out.str(), "\n");
}

TEST(ProgressTest, WithoutAStepNothingIsDrawn) {
  for (const int width : {0, 80}) {
    std::ostringstream out;
    {
      Progress progress(
          {.out = out, .train_steps = 1, .terminal_width = width});
      progress.Print("saved");
    }
    EXPECT_EQ(out.str(), "saved\n");
  }
}

TEST(TerminalWidthTest, IsThatOfATerminalWithASize) {
  EXPECT_EQ(TerminalWidth(-1), 0);
  const UniqueFd null(open("/dev/null", O_WRONLY));
  EXPECT_EQ(TerminalWidth(null.get()), 0);
  const UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY));
  ASSERT_TRUE(terminal.valid());
  winsize size = {};
  ioctl(terminal.get(), TIOCSWINSZ, &size);
  EXPECT_EQ(TerminalWidth(terminal.get()), 0);
  size.ws_col = 97;
  ioctl(terminal.get(), TIOCSWINSZ, &size);
  EXPECT_EQ(TerminalWidth(terminal.get()), 97);
}

}  // namespace
}  // namespace cogdist
