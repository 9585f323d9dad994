// Command lines of the real program.

#ifndef COGDIST_TESTS_PROGRAM_COMMAND_H_
#define COGDIST_TESTS_PROGRAM_COMMAND_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// Any number of ranks on this machine; what follows says how many of what.
inline constexpr char kMpiRun[] =
    "mpirun --allow-run-as-root --oversubscribe --bind-to none ";

// `cogdist ARGS` in a shell, under mpirun where `ranks` is more than 1.
inline std::string ProgramCommand(int ranks, int threads,
                                  absl::string_view args) {
  return absl::StrCat(
      "OMP_NUM_THREADS=", threads, " ",
      ranks == 1 ? "" : absl::StrCat(kMpiRun, "-np ", ranks, " "),
      COGDIST_BINARY, " ", args);
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_PROGRAM_COMMAND_H_
