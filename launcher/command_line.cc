#include "launcher/command_line.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "launcher/command_help.h"
#include "launcher/nearest_name.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

template <typename Table>
auto FindByName(const Table& table, absl::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const auto& e) { return e.name == name; });
  return it == table.end() ? nullptr : &*it;
}

template <typename Table>
std::string NearestIn(const Table& table, absl::string_view typed) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return NearestName(typed, names);
}

bool AsksForHelp(absl::Span<const std::string> args) {
  for (const std::string& arg : args) {
    if (arg == "--") return false;
    if (arg == "--help" || arg == "-h") return true;
  }
  return false;
}

// A mistyped command has neither; a mistyped path nearly always has.
bool LooksLikePath(absl::string_view word) {
  return absl::StrContains(word, '.') || absl::StrContains(word, '/');
}

// The command that the first words name. Removes them from `args`; null if
// there is none.
const Command* TakeName(const Program& program,
                        absl::Span<const std::string>& args) {
  for (const Command& command : program.commands) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(command.name, ' ');
    if (words.size() > args.size() ||
        !std::equal(words.begin(), words.end(), args.begin())) {
      continue;
    }
    args.remove_prefix(words.size());
    return &command;
  }
  return nullptr;
}

// The second words of commands whose first one is `word`; none: no group.
std::vector<std::string> NamesInGroup(const Program& program,
                                      absl::string_view word) {
  std::vector<std::string> names;
  for (const Command& command : program.commands) {
    absl::string_view rest = command.name;
    if (absl::ConsumePrefix(&rest, word) && absl::ConsumePrefix(&rest, " ")) {
      names.emplace_back(rest);
    }
  }
  return names;
}

absl::Status NoSuchCommand(const Program& program,
                           absl::Span<const std::string> args) {
  const std::string& word = args[0];
  const std::vector<std::string> group = NamesInGroup(program, word);
  if (!group.empty() && args.size() == 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(word, ": say which: ", absl::StrJoin(group, ", "), " (",
                     program.name, " ", word, " --help explains them)"));
  }
  if (!group.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(word, ": no command '", args[1], "'; did you mean '", word,
                     " ", NearestName(args[1], group), "'? ", program.name, " ",
                     word, " --help lists all"));
  }
  std::vector<std::string> first_words;
  for (const Command& command : program.commands) {
    first_words.emplace_back(command.name.substr(0, command.name.find(' ')));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no command '", word, "'; did you mean '", NearestName(word, first_words),
      "'? ", program.name, " --help lists all commands"));
}

// The command that the first words name, or the default one where the first is
// a path. Removes the name from `args`.
absl::StatusOr<const Command*> SelectCommand(
    const Program& program, absl::Span<const std::string>& args) {
  if (const Command* command = TakeName(program, args)) return command;
  const std::string& word = args[0];
  if (absl::StartsWith(word, "-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", word, "' comes before any command; write ",
                     program.name, " COMMAND ", word, " ..."));
  }
  if (LooksLikePath(word)) {
    return FindByName(program.commands, program.default_command);
  }
  return NoSuchCommand(program, args);
}

// Whether the help of a whole group is asked for.
bool AsksForGroupHelp(const Program& program,
                      absl::Span<const std::string> args) {
  return args.size() > 1 && !NamesInGroup(program, args[0]).empty() &&
         (args[1] == "--help" || args[1] == "-h");
}

absl::StatusOr<ExitCode> Dispatch(const Program& program,
                                  absl::Span<const std::string> args,
                                  std::ostream& out) {
  if (AsksForGroupHelp(program, args)) {
    out << GroupHelp(program, args[0]);
    return ExitCode::kDone;
  }
  COG_ASSIGN_OR_RETURN(const Command* const command,
                       SelectCommand(program, args));
  if (AsksForHelp(args)) {
    out << CommandHelp(program, *command);
    return ExitCode::kDone;
  }
  if (command->run == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(program.name, " ", command->name, " is not built yet"));
  }
  COG_ASSIGN_OR_RETURN(const ParsedCommand parsed,
                       ParseCommand(*command, args));
  return command->run(parsed);
}

}  // namespace

// One pass over the words of a command line.
class CommandParser {
 public:
  CommandParser(const Command& command, absl::Span<const std::string> args)
      : command_(command), rest_(args), parsed_(command) {}

  absl::StatusOr<ParsedCommand> Parse() {
    bool flags_ended = false;
    while (!rest_.empty()) {
      const std::string word = Next();
      if (!flags_ended && word == "--") {
        flags_ended = true;
      } else if (!flags_ended && word.size() > 1 && word[0] == '-') {
        COG_RETURN_IF_ERROR(TakeFlag(word));
      } else {
        COG_RETURN_IF_ERROR(TakeArgument(word));
      }
    }
    COG_RETURN_IF_ERROR(CheckArgumentCount());
    return std::move(parsed_);
  }

 private:
  std::string Next() {
    std::string word = rest_.front();
    rest_.remove_prefix(1);
    return word;
  }

  absl::Status TakeFlag(absl::string_view word) {
    const size_t equals = word.find('=');
    const bool has_value = equals != absl::string_view::npos;
    const absl::string_view dashed = word.substr(0, equals);
    absl::string_view name = dashed;
    while (absl::ConsumePrefix(&name, "-")) {
    }
    const Flag* const flag = FindByName(command_.flags, name);
    if (flag == nullptr || !absl::StartsWith(dashed, "--")) {
      return NoSuchFlag(dashed, name);
    }
    std::vector<std::string>& values = parsed_.flags_[std::string(name)];
    if (!values.empty() && !flag->repeatable) {
      return Error(absl::StrCat(dashed, " is given twice; give it once"));
    }
    if (flag->value.empty()) {
      if (has_value) {
        return Error(absl::StrCat(dashed, " takes no value; write ", dashed,
                                  " alone, or leave it out"));
      }
      values.emplace_back();
      return absl::OkStatus();
    }
    if (has_value) {
      values.emplace_back(word.substr(equals + 1));
      return absl::OkStatus();
    }
    if (rest_.empty() || absl::StartsWith(rest_.front(), "--")) {
      return Error(
          absl::StrCat(dashed, " needs a value: ", dashed, " ", flag->value));
    }
    values.push_back(Next());
    return absl::OkStatus();
  }

  absl::Status NoSuchFlag(absl::string_view dashed, absl::string_view name) {
    if (command_.flags.empty()) {
      return Error(absl::StrCat("no flag ", dashed, "; it takes no flags"));
    }
    return Error(absl::StrCat("no flag ", dashed, "; did you mean --",
                              NearestIn(command_.flags, name), "?"));
  }

  absl::Status TakeArgument(absl::string_view word) {
    const std::vector<Argument>& table = command_.arguments;
    const bool full = parsed_.arguments_.size() >= table.size();
    if (full && (table.empty() || !table.back().repeated)) {
      return Error(absl::StrCat(
          "unexpected argument '", word, "'; it takes ",
          table.empty() ? "none" : absl::StrCat("only ", table.back().name)));
    }
    parsed_.arguments_.emplace_back(word);
    return absl::OkStatus();
  }

  absl::Status CheckArgumentCount() {
    const std::vector<Argument>& table = command_.arguments;
    const size_t given = parsed_.arguments_.size();
    if (given < table.size() && table[given].required) {
      return Error(absl::StrCat(table[given].name, " is missing"));
    }
    return absl::OkStatus();
  }

  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(command_.name, ": ", what,
                                                   " (cogdist ", command_.name,
                                                   " --help shows all)"));
  }

  const Command& command_;
  absl::Span<const std::string> rest_;
  ParsedCommand parsed_;
};

absl::Span<const std::string> ParsedCommand::All(absl::string_view flag) const {
  COG_CHECK(FindByName(command_->flags, flag) != nullptr, command_->name,
            " has no flag --", flag);
  const auto it = flags_.find(std::string(flag));
  if (it == flags_.end()) return {};
  return it->second;
}

std::string ParsedCommand::Text(absl::string_view flag,
                                absl::string_view otherwise) const {
  return Has(flag) ? All(flag).back() : std::string(otherwise);
}

absl::StatusOr<int64_t> ParsedCommand::Integer(
    absl::string_view flag, int64_t otherwise,
    const IntegerLimits& limits) const {
  if (!Has(flag)) return otherwise;
  const std::string text = Text(flag, "");
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        command_->name, ": --", flag, ": '", text, "' is not an integer"));
  }
  if (value < limits.min || value > limits.max) {
    return absl::InvalidArgumentError(absl::StrCat(
        command_->name, ": --", flag, ": ", text, " is out of range; use ",
        std::clamp(value, limits.min, limits.max)));
  }
  return value;
}

absl::StatusOr<double> ParsedCommand::Number(absl::string_view flag,
                                             double otherwise,
                                             const NumberLimits& limits) const {
  if (!Has(flag)) return otherwise;
  const std::string text = Text(flag, "");
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        command_->name, ": --", flag, ": '", text, "' is not a number"));
  }
  if (value < limits.min || value > limits.max) {
    return absl::InvalidArgumentError(absl::StrCat(
        command_->name, ": --", flag, ": ", text, " is out of range; use ",
        std::clamp(value, limits.min, limits.max)));
  }
  return value;
}

absl::StatusOr<ParsedCommand> ParseCommand(const Command& command,
                                           absl::Span<const std::string> args) {
  return CommandParser(command, args).Parse();
}

ExitCode RunProgram(const Program& program, absl::Span<const std::string> args,
                    std::ostream& out, std::ostream& err) {
  if (args.empty()) {
    err << ProgramHelp(program);
    return ExitCode::kBadInput;
  }
  if (args[0] == "--help" || args[0] == "-h") {
    out << ProgramHelp(program);
    return ExitCode::kDone;
  }
  if (args[0] == "--version") {
    out << program.name << " " << program.version << "\n";
    return ExitCode::kDone;
  }
  const absl::StatusOr<ExitCode> result = Dispatch(program, args, out);
  return result.ok() ? *result : ReportError(result.status(), err);
}

}  // namespace cogdist
