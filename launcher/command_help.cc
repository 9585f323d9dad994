#include "launcher/command_help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cogdist {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kWidestName = 26;

// What is described, and its description.
using Row = std::pair<std::string, std::string>;

// Words of `text`, filled to kColumns; lines after the first are indented.
std::string Wrap(absl::string_view text, size_t indent) {
  std::string result;
  size_t column = indent;
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const bool first = result.empty();
    if (!first && column + 1 + word.size() > kColumns) {
      absl::StrAppend(&result, "\n", std::string(indent, ' '), word);
      column = indent + word.size();
    } else {
      absl::StrAppend(&result, first ? "" : " ", word);
      column += word.size() + (first ? 0 : 1);
    }
  }
  return result;
}

// A heading and two columns, the second wrapped.
std::string Section(absl::string_view heading, const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  size_t width = 0;
  for (const Row& row : rows) {
    width = std::max(width, std::min(row.first.size(), kWidestName));
  }
  const size_t indent = width + 4;
  std::string result = absl::StrCat("\n", heading, ":\n");
  for (const auto& [name, text] : rows) {
    absl::StrAppend(&result, "  ", name);
    // A name too wide for its column has its text on the next line.
    const bool fits = name.size() <= width;
    absl::StrAppend(&result, fits ? "" : "\n",
                    std::string(fits ? indent - 2 - name.size() : indent, ' '),
                    Wrap(text, indent), "\n");
  }
  return result;
}

std::string Notes(absl::string_view notes) {
  return notes.empty() ? "" : absl::StrCat("\n", notes, "\n");
}

std::string Usage(const Argument& argument) {
  const std::string name =
      absl::StrCat(argument.name, argument.repeated ? "..." : "");
  return argument.required ? name : absl::StrCat("[", name, "]");
}

std::string Usage(const Flag& flag) {
  return absl::StrCat("--", flag.name, flag.value.empty() ? "" : " ",
                      flag.value);
}

// Commands whose names begin with `prefix`, as rows without it.
std::vector<Row> Summaries(const Program& program, absl::string_view prefix) {
  std::vector<Row> rows;
  for (const Command& command : program.commands) {
    if (!absl::StartsWith(command.name, prefix)) continue;
    rows.emplace_back(
        command.name.substr(prefix.size()),
        absl::StrCat(command.summary,
                     command.run == nullptr ? " (not built yet)" : ""));
  }
  return rows;
}

}  // namespace

std::string ProgramHelp(const Program& program) {
  return absl::StrCat(program.name, ": ", program.summary, "\n\nUsage:\n  ",
                      program.name, " COMMAND ...\n  ", program.name,
                      " COMMAND --help\n  ", program.name, " --version\n",
                      Section("Commands", Summaries(program, "")),
                      Notes(program.notes));
}

std::string GroupHelp(const Program& program, absl::string_view group) {
  const std::string name = absl::StrCat(program.name, " ", group);
  return absl::StrCat(
      "Usage:\n  ", name, " COMMAND ...\n  ", name, " COMMAND --help\n",
      Section("Commands", Summaries(program, absl::StrCat(group, " "))));
}

std::string CommandHelp(const Program& program, const Command& command) {
  std::string usage = absl::StrCat(program.name, " ", command.name);
  std::vector<Row> arguments;
  for (const Argument& argument : command.arguments) {
    absl::StrAppend(&usage, " ", Usage(argument));
    arguments.emplace_back(argument.name, argument.help);
  }
  std::vector<Row> flags;
  for (const Flag& flag : command.flags) {
    flags.emplace_back(
        Usage(flag),
        absl::StrCat(flag.help, flag.repeatable ? " May be repeated." : ""));
  }
  flags.emplace_back("--help", "Show this text.");
  const std::string unbuilt =
      command.run == nullptr ? "\nThis command is not built yet.\n" : "";
  return absl::StrCat(program.name, " ", command.name, ": ", command.summary,
                      "\n", unbuilt, "\nUsage: ", usage, " [flags]\n",
                      Section("Arguments", arguments), Section("Flags", flags),
                      Notes(command.notes));
}

}  // namespace cogdist
