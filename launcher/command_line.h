// The command line as data: a program is a table of commands, a command a table
// of arguments and flags and one function. Parsing, help texts and messages
// follow from the tables alone.

#ifndef COGDIST_LAUNCHER_COMMAND_LINE_H_
#define COGDIST_LAUNCHER_COMMAND_LINE_H_

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "launcher/exit_code.h"

namespace cogdist {

// Tables are built from string literals, so they hold views.
struct Flag {
  absl::string_view name;   // without the dashes
  absl::string_view value;  // shown in help, e.g. "N"; empty: takes no value
  absl::string_view help;   // one sentence or more, wrapped when printed
  bool repeatable = false;
};

struct Argument {
  absl::string_view name;  // shown in help, e.g. "CONFIG.pbtxt"
  absl::string_view help;
  bool required = true;
  bool repeated = false;  // takes all that follow; only the last one may
};

class ParsedCommand;

struct Command {
  // One word, or two where commands share a first word: a group.
  absl::string_view name;
  absl::string_view summary;  // one line
  std::vector<Argument> arguments = {};
  std::vector<Flag> flags = {};
  absl::string_view notes = {};  // paragraphs printed at the end of the help
  // Does the work. An error status is printed and gives the exit code. Null: a
  // command that is planned but not built yet; calling it says so.
  absl::StatusOr<ExitCode> (*run)(const ParsedCommand& command) = nullptr;
};

struct Program {
  absl::string_view name;
  absl::string_view version;
  absl::string_view summary;
  std::vector<Command> commands;
  // Runs when the first argument looks like a path instead of a command.
  absl::string_view default_command;
  absl::string_view notes;
};

// Limits of a numeric flag, both included.
struct IntegerLimits {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};
struct NumberLimits {
  double min = -std::numeric_limits<double>::max();
  double max = std::numeric_limits<double>::max();
};

// What was typed after a command's name, checked against its tables. Asking for
// a flag that the table lacks is a bug.
class ParsedCommand {
 public:
  explicit ParsedCommand(const Command& command) : command_(&command) {}

  const Command& command() const { return *command_; }
  // Positional arguments in the order typed.
  const std::vector<std::string>& arguments() const { return arguments_; }

  bool Has(absl::string_view flag) const { return !All(flag).empty(); }
  // Every value of a flag, in the order typed; one "" for a flag without value.
  absl::Span<const std::string> All(absl::string_view flag) const;
  // The value of a flag that is given at most once.
  std::string Text(absl::string_view flag, absl::string_view otherwise) const;
  // The same as a number; InvalidArgument names the flag, the value, and the
  // limits or the syntax that it breaks.
  absl::StatusOr<int64_t> Integer(absl::string_view flag, int64_t otherwise,
                                  const IntegerLimits& limits = {}) const;
  absl::StatusOr<double> Number(absl::string_view flag, double otherwise,
                                const NumberLimits& limits = {}) const;

 private:
  friend class CommandParser;

  const Command* command_;
  std::vector<std::string> arguments_;
  std::map<std::string, std::vector<std::string>> flags_;
};

// Parses what follows the command's name. Both `--flag value` and
// `--flag=value` are understood, flags and arguments may be mixed, and `--`
// ends the flags. A value that starts with `--` needs the form with `=`.
// InvalidArgument names what is wrong and what would be right. The result
// refers to `command`.
absl::StatusOr<ParsedCommand> ParseCommand(const Command& command,
                                           absl::Span<const std::string> args);

// The whole of main(): finds the command in the first words (the program's name
// is not in `args`), answers `--help` and `--version`, parses and runs. Help
// goes to `out`, errors go to `err`.
ExitCode RunProgram(const Program& program, absl::Span<const std::string> args,
                    std::ostream& out, std::ostream& err);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_COMMAND_LINE_H_
