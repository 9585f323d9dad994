#include "tests/vgpu/simt/report.h"

#include "absl/strings/str_cat.h"

namespace cogdist::simt {

const char* Name(Fault fault) {
  switch (fault) {
    case Fault::kRace:
      return "race";
    case Fault::kUninitialised:
      return "uninitialised read";
    case Fault::kOutOfBounds:
      return "out of bounds";
    case Fault::kUseAfterFree:
      return "use after free";
    case Fault::kUnknownMemory:
      return "not device memory";
    case Fault::kMisaligned:
      return "misaligned";
    case Fault::kInFlight:
      return "copy in flight";
    case Fault::kLostCopies:
      return "copies not waited for";
    case Fault::kDivergence:
      return "divergence";
    case Fault::kBadLane:
      return "lane without part";
    case Fault::kBadLaunch:
      return "launch";
  }
  return "?";
}

std::string Report::ToString() const {
  std::string result = absl::StrCat(Name(fault), ": ", text);
  if (!kernel.empty()) {
    absl::StrAppend(&result, "\n  kernel ", kernel, ", block (", block.x, ", ",
                    block.y, ", ", block.z, ")");
  }
  const auto add_thread = [&result](int id, const std::string& line) {
    if (id < 0) return;
    absl::StrAppend(&result, "\n  thread ", id, " (warp ", id / 32, ", lane ",
                    id % 32, ")", line.empty() ? "" : " at ", line);
  };
  add_thread(thread, source);
  add_thread(other_thread, other_source);
  return result;
}

}  // namespace cogdist::simt
