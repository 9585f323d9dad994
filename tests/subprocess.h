// Runs a program for a test and takes what it prints.

#ifndef COGDIST_TESTS_SUBPROCESS_H_
#define COGDIST_TESTS_SUBPROCESS_H_

#include <stdio.h>
#include <sys/wait.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace cogdist {

struct ProcessResult {
  int exit_code = 0;   // 128 + signal where a signal ended it
  std::string output;  // standard output and error together
};

// Runs `command` in a shell, in the folder `cwd`, without standard input.
inline ProcessResult RunShell(absl::string_view command,
                              absl::string_view cwd = ".") {
  ProcessResult result;
  const std::string line =
      absl::StrCat("cd '", cwd, "' && ( ", command, " ) </dev/null 2>&1");
  FILE* const pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot start: " << line;
    return {.exit_code = -1};
  }
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) {
    result.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  result.exit_code =
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_SUBPROCESS_H_
