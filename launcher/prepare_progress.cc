#include "launcher/prepare_progress.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace cogdist {
namespace {

constexpr absl::Duration kTerminalInterval = absl::Milliseconds(200);
constexpr absl::Duration kLogInterval = absl::Seconds(10);

}  // namespace

PrepareProgress::PrepareProgress(absl::string_view activity,
                                 int64_t total_bytes, std::FILE* log)
    : activity_(activity),
      total_bytes_(total_bytes),
      log_(log),
      terminal_(isatty(fileno(log)) == 1),
      start_(absl::Now()),
      next_print_(start_ + (terminal_ ? kTerminalInterval : kLogInterval)) {}

void PrepareProgress::Add(int64_t documents, int64_t bytes, int64_t tokens) {
  documents_ += documents;
  bytes_ += bytes;
  tokens_ += tokens;
  const absl::Time now = absl::Now();
  if (now < next_print_) return;
  next_print_ = now + (terminal_ ? kTerminalInterval : kLogInterval);
  Print();
}

void PrepareProgress::Print() {
  const double seconds =
      std::max(absl::ToDoubleSeconds(absl::Now() - start_), 1e-6);
  const std::string tokens =
      tokens_ > 0 ? absl::StrCat(", ", tokens_, " tokens") : "";
  absl::FPrintF(log_, "%s%s: %3.0f%%, %d documents%s, %.1f MB/s%s",
                terminal_ ? "\r" : "", activity_,
                100.0 * static_cast<double>(bytes_) /
                    static_cast<double>(std::max<int64_t>(total_bytes_, 1)),
                documents_, tokens, static_cast<double>(bytes_) / 1e6 / seconds,
                terminal_ ? "\033[K" : "\n");
  std::fflush(log_);
}

void PrepareProgress::Finish() {
  bytes_ = total_bytes_;  // line ends and separators belong to no document
  Print();
  if (terminal_) absl::FPrintF(log_, "\n");
}

}  // namespace cogdist
