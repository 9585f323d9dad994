#include "runtime/check.h"

#include <cstdio>
#include <cstdlib>

namespace cogdist {

RankTag& CurrentRankTag() {
  thread_local RankTag tag;
  return tag;
}

void CheckFailed(const char* file, int line, absl::string_view message) {
  const RankTag& tag = CurrentRankTag();
  const std::string text =
      absl::StrCat("CHECK failed at ", file, ":", line, " (rank ", tag.rank,
                   ", step ", tag.step, "): ", message, "\n");
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace cogdist
