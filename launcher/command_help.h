// Help texts, drawn up from the tables of a program and its commands.

#ifndef COGDIST_LAUNCHER_COMMAND_HELP_H_
#define COGDIST_LAUNCHER_COMMAND_HELP_H_

#include <string>

#include "launcher/command_line.h"

namespace cogdist {

// Usage, every command with its summary, and the program's notes. At most 80
// columns, as long as no name is wider; ends in a newline.
std::string ProgramHelp(const Program& program);

// Usage, and the commands whose first word is `group`.
std::string GroupHelp(const Program& program, absl::string_view group);

// Usage, arguments and flags of one command, and its notes.
std::string CommandHelp(const Program& program, const Command& command);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_COMMAND_HELP_H_
