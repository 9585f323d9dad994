// The program `cogdist`: launcher/commands/commands.cc lists what it can do.

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "launcher/command_line.h"
#include "launcher/commands/commands.h"

int main(int argc, char** argv) {
  // A file that may not grow any more is an error like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return static_cast<int>(cogdist::RunProgram(cogdist::CogdistProgram(), args,
                                              std::cout, std::cerr));
}
