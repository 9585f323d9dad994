#include "parallel/step_totals.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr size_t kSumBytes = ExactSum::kWords * sizeof(int64_t);

// Both sums' words, the culprit's name and, after a zero, the stop's reason.
std::string Encode(StepTotals& totals) {
  std::string text;
  for (ExactSum* sum : {&totals.loss, &totals.squares}) {
    text.append(reinterpret_cast<const char*>(sum->words().data()), kSumBytes);
  }
  return absl::StrCat(text, totals.culprit, absl::string_view("\0", 1),
                      totals.stop_reason);
}

StepTotals Decode(const std::string& text) {
  COG_CHECK_GT(text.size(), 2 * kSumBytes);
  StepTotals totals;
  std::memcpy(totals.loss.words().data(), text.data(), kSumBytes);
  std::memcpy(totals.squares.words().data(), text.data() + kSumBytes,
              kSumBytes);
  const size_t zero = text.find('\0', 2 * kSumBytes);
  COG_CHECK_NE(zero, std::string::npos);
  totals.culprit = text.substr(2 * kSumBytes, zero - 2 * kSumBytes);
  totals.stop_reason = text.substr(zero + 1);
  return totals;
}

}  // namespace

void StepTotals::Merge(const StepTotals& other) {
  loss.Merge(other.loss);
  squares.Merge(other.squares);
  if (culprit.empty()) culprit = other.culprit;
  if (stop_reason.empty()) stop_reason = other.stop_reason;
}

StepTotals Total(Communicator& world, StepTotals mine) {
  StepTotals total;
  for (const std::string& text : world.AllGatherStrings(Encode(mine))) {
    total.Merge(Decode(text));
  }
  return total;
}

}  // namespace cogdist
