#include "launcher/command_line.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "launcher/command_help.h"
#include "launcher/commands/commands.h"
#include "launcher/exit_code.h"
#include "launcher/nearest_name.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;

absl::StatusOr<ExitCode> Succeed(const ParsedCommand&) {
  return ExitCode::kStopped;
}
absl::StatusOr<ExitCode> Fail(const ParsedCommand&) {
  return absl::InternalError("the disk is gone");
}

Program TestProgram() {
  return {
      .name = "prog",
      .version = "1.2",
      .summary = "a program",
      .commands =
          {
              {.name = "train",
               .summary = "train it",
               .arguments = {{.name = "CONFIG", .help = "What to train."}},
               .flags = {{.name = "set",
                          .value = "P=V",
                          .help = "Set.",
                          .repeatable = true},
                         {.name = "steps", .value = "N", .help = "Steps."},
                         {.name = "dry_run", .value = "", .help = "Dry."}},
               .notes = "A note.",
               .run = Succeed},
              {.name = "prepare",
               .summary = "prepare it",
               .arguments = {{.name = "FILES",
                              .help = "What to read.",
                              .required = false,
                              .repeated = true}},
               .run = Fail},
              {.name = "sweep", .summary = "not there yet"},
          },
      .default_command = "train",
      .notes = "",
  };
}

struct Outcome {
  int exit_code;
  std::string out;
  std::string err;
};

Outcome RunLine(absl::string_view line,
                const Program& program = TestProgram()) {
  const std::vector<std::string> args =
      absl::StrSplit(line, ' ', absl::SkipEmpty());
  std::ostringstream out;
  std::ostringstream err;
  const ExitCode code = RunProgram(program, args, out, err);
  return {static_cast<int>(code), out.str(), err.str()};
}

absl::StatusOr<ParsedCommand> Parse(const Command& command,
                                    std::vector<std::string> args) {
  return ParseCommand(command, args);
}

TEST(ParseCommandTest, TakesFlagsInBothFormsAndAnyOrder) {
  const Command train = TestProgram().commands[0];
  const auto parsed =
      Parse(train, {"--set", "a=1", "x.pbtxt", "--set=b=2", "--dry_run"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->arguments(), ElementsAre("x.pbtxt"));
  EXPECT_THAT(parsed->All("set"), ElementsAre("a=1", "b=2"));
  EXPECT_TRUE(parsed->Has("dry_run"));
  EXPECT_FALSE(parsed->Has("steps"));
  EXPECT_EQ(parsed->Text("steps", "none"), "none");
}

TEST(ParseCommandTest, ValuesMayBeEmptyNegativeOrAfterTheEnd) {
  const Command train = TestProgram().commands[0];
  auto parsed = Parse(train, {"--steps", "-3", "--set=", "--", "--odd.pbtxt"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Integer("steps", 0).value(), -3);
  EXPECT_THAT(parsed->All("set"), ElementsAre(""));
  EXPECT_THAT(parsed->arguments(), ElementsAre("--odd.pbtxt"));
}

TEST(ParseCommandTest, RepeatedArgumentTakesAllAndMayTakeNone) {
  const Command prepare = TestProgram().commands[1];
  EXPECT_THAT(Parse(prepare, {"a", "b", "c"})->arguments(),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(Parse(prepare, {})->arguments(), IsEmpty());
}

TEST(ParseCommandTest, NumbersAreCheckedAgainstTheirLimits) {
  const Command train = TestProgram().commands[0];
  auto parsed = Parse(train, {"x", "--steps", "7"});
  EXPECT_EQ(parsed->Integer("steps", 1, {.min = 1}).value(), 7);
  EXPECT_EQ(parsed->Number("steps", 1).value(), 7.0);
  EXPECT_THAT(parsed->Integer("steps", 1, {.max = 5}).status().message(),
              HasSubstr("--steps: 7 is out of range; use 5"));
  EXPECT_THAT(parsed->Number("steps", 1, {.max = 0.5}).status().message(),
              HasSubstr("use 0.5"));
  parsed = Parse(train, {"x", "--steps", "1e3"});
  EXPECT_THAT(parsed->Integer("steps", 1).status().message(),
              HasSubstr("'1e3' is not an integer"));
  EXPECT_EQ(parsed->Number("steps", 1).value(), 1000.0);
  parsed = Parse(train, {"x", "--steps", "nan"});
  EXPECT_FALSE(parsed->Number("steps", 1).ok());
  EXPECT_EQ(Parse(train, {"x"})->Integer("steps", 9).value(), 9);
}

TEST(RunProgramTest, MistakesExitTwoAndNameWhatIsRight) {
  const struct {
    absl::string_view line;
    absl::string_view message;
  } kMistakes[] = {
      {"trian x", "no command 'trian'; did you mean 'train'?"},
      {"train", "CONFIG is missing"},
      {"train x y", "unexpected argument 'y'; it takes only CONFIG"},
      {"train x --stpes 3", "no flag --stpes; did you mean --steps?"},
      {"train x --dry-run", "no flag --dry-run; did you mean --dry_run?"},
      {"train x -steps 3", "no flag -steps; did you mean --steps?"},
      {"train x --steps", "--steps needs a value: --steps N"},
      {"train x --steps --dry_run", "--steps needs a value: --steps N"},
      {"train x --steps 1 --steps 2", "--steps is given twice"},
      {"train x --dry_run=yes", "--dry_run takes no value"},
      {"prepare --set a=1", "no flag --set; it takes no flags"},
      {"--set a=1 train x", "'--set' comes before any command"},
      {"sweep anything --at all", "prog sweep is not built yet"},
  };
  for (const auto& mistake : kMistakes) {
    SCOPED_TRACE(mistake.line);
    const Outcome outcome = RunLine(mistake.line);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, StartsWith("cogdist: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(std::string(mistake.message)));
  }
}

TEST(RunProgramTest, RunsTheCommandAndPassesItsExitCodeOn) {
  EXPECT_EQ(RunLine("train x").exit_code, 75);
  const Outcome failed = RunLine("prepare");
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.err, "cogdist: error: the disk is gone\n");
}

TEST(RunProgramTest, PathInPlaceOfACommandRunsTheDefault) {
  EXPECT_EQ(RunLine("some/config").exit_code, 75);
  EXPECT_EQ(RunLine("config.pbtxt --steps 3").exit_code, 75);
  EXPECT_THAT(RunLine("config.pbtxt --help").out, StartsWith("prog train:"));
}

TEST(RunProgramTest, HelpAndVersionExitZero) {
  EXPECT_EQ(RunLine("--version").out, "prog 1.2\n");
  EXPECT_EQ(RunLine("--help").exit_code, 0);
  const Outcome help = RunLine("train --steps --help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.out,
            "prog train: train it\n\nUsage: prog train CONFIG [flags]\n\n"
            "Arguments:\n  CONFIG  What to train.\n\n"
            "Flags:\n  --set P=V  Set. May be repeated.\n"
            "  --steps N  Steps.\n  --dry_run  Dry.\n"
            "  --help     Show this text.\n\nA note.\n");
  EXPECT_THAT(RunLine("sweep --help").out, HasSubstr("not built yet"));
  const Outcome bare = RunLine("");
  EXPECT_EQ(bare.exit_code, 2);
  EXPECT_EQ(bare.err, RunLine("--help").out);
}

TEST(RunProgramTest, CommandsOfAGroupHaveTwoWords) {
  Program program = TestProgram();
  const auto run = [](const ParsedCommand& command) {
    return absl::StatusOr<ExitCode>(command.Has("all") ? ExitCode::kStopped
                                                       : ExitCode::kDone);
  };
  program.commands.push_back({.name = "box open",
                              .summary = "open it",
                              .arguments = {{.name = "BOX", .help = "Which."}},
                              .flags = {{.name = "all", .help = "All."}},
                              .run = run});
  program.commands.push_back({.name = "box shut", .summary = "shut it"});
  const struct {
    std::vector<std::string> args;
    int exit_code;
    std::string text;
  } kCases[] = {
      {{"box", "open", "x"}, 0, ""},
      {{"box", "open", "x", "--all"}, 75, ""},
      {{"box", "open"}, 2, "box open: BOX is missing (cogdist box open --help"},
      {{"box", "shut"}, 2, "prog box shut is not built yet"},
      {{"box"}, 2, "box: say which: open, shut"},
      {{"box", "opn"}, 2, "box: no command 'opn'; did you mean 'box open'?"},
      {{"bx", "open"}, 2, "no command 'bx'; did you mean 'box'?"},
      {{"box", "--help"},
       0,
       "  open  open it\n  shut  shut it (not built yet)"},
      {{"box", "open", "--help"}, 0, "Usage: prog box open BOX [flags]"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(absl::StrJoin(c.args, " "));
    std::ostringstream out, err;
    EXPECT_EQ(static_cast<int>(RunProgram(program, c.args, out, err)),
              c.exit_code);
    EXPECT_THAT(out.str() + err.str(), HasSubstr(c.text));
  }
}

TEST(CogdistProgramTest, EveryHelpTextIsCompleteAndFitsTheScreen) {
  const Program program = CogdistProgram();
  std::vector<std::string> texts = {ProgramHelp(program)};
  for (const Command& command : program.commands) {
    EXPECT_THAT(texts[0], HasSubstr(std::string(command.name)));
    texts.push_back(CommandHelp(program, command));
    EXPECT_FALSE(command.summary.empty()) << command.name;
    for (const Flag& flag : command.flags) {
      EXPECT_THAT(texts.back(), HasSubstr(absl::StrCat("--", flag.name)));
      EXPECT_FALSE(flag.help.empty()) << flag.name;
    }
  }
  for (const std::string& text : texts) {
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      EXPECT_THAT(line.size(), Le(80u)) << line;
    }
  }
}

TEST(ExitCodeTest, SeparatesWhatTheUserMustChangeFromTheRest) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError(""), absl::NotFoundError(""),
        absl::FailedPreconditionError(""), absl::OutOfRangeError(""),
        absl::UnimplementedError("")}) {
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadInput) << status;
  }
  for (const absl::Status& status :
       {absl::InternalError(""), absl::UnavailableError(""),
        absl::ResourceExhaustedError(""), absl::DataLossError("")}) {
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kFailed) << status;
  }
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kDone);
}

TEST(NearestNameTest, CountsEdits) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("flaw", "lawn"), 2);
  EXPECT_EQ(EditDistance("Dry-Run", "dry_run"), 0);
  EXPECT_EQ(NearestName("vocab", {"vocab_size", "voc", "x"}), "voc");
  EXPECT_EQ(NearestName("a", {}), "");
}

}  // namespace
}  // namespace cogdist
