// ThreadSanitizer finds a missing wait between two streams, every time, and
// nothing where the wait is there.

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace cogdist::vgpu {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit_code = 0;
  std::string output;
};

// The sanitizer's program, which is built beside this one.
Outcome RunCase(const std::string& arguments) {
  const std::string command =
      absl::StrCat(COGDIST_STREAM_RACE, " ", arguments, " 2>&1");
  FILE* const pipe = popen(command.c_str(), "r");
  Outcome outcome;
  char piece[4096];
  while (const size_t bytes = fread(piece, 1, sizeof(piece), pipe)) {
    outcome.output.append(piece, bytes);
  }
  outcome.exit_code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

// A run takes a third of a second.
int Seeds() { return std::getenv("COGDIST_ALL_SEEDS") != nullptr ? 20 : 3; }

class StreamRaceTest : public ::testing::TestWithParam<const char*> {};

TEST_P(StreamRaceTest, MissingWaitIsFound) {
  for (int seed = 0; seed < Seeds(); ++seed) {
    const Outcome outcome =
        RunCase(absl::StrCat(GetParam(), " unordered ", seed));
    EXPECT_EQ(outcome.exit_code, 66) << "seed " << seed;
    EXPECT_THAT(outcome.output, HasSubstr("data race"));
  }
}

TEST_P(StreamRaceTest, OrderedWorkIsClean) {
  for (int seed = 0; seed < Seeds(); ++seed) {
    const Outcome outcome =
        RunCase(absl::StrCat(GetParam(), " ordered ", seed));
    EXPECT_EQ(outcome.exit_code, 0) << "seed " << seed << outcome.output;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, StreamRaceTest,
                         ::testing::Values("read_after_write",
                                           "long_after_write",
                                           "write_after_read", "host_read",
                                           "sum_over_ranks", "graph"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace cogdist::vgpu
