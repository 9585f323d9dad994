#include "launcher/bench/benchmark_report.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/human_format.h"
#include "runtime/check.h"

namespace cogdist {

double Median(std::vector<double> values) {
  COG_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

std::string FormatBenchmarks(const std::vector<BenchmarkRow>& rows) {
  std::string text =
      absl::StrFormat("%-46s %14s  %15s\n", "", "per second", "share of");
  for (const BenchmarkRow& row : rows) {
    std::string line = absl::StrFormat(
        "%-46s %8s %5s  %15s  %s", row.what,
        row.rate > 0 ? FormatCount(row.rate) : "", row.unit,
        row.share > 0
            ? absl::StrCat(FormatPercent(row.share), " ", row.share_of)
            : "",
        row.notes);
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace cogdist
