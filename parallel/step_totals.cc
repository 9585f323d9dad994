#include "parallel/step_totals.h"

#include <algorithm>
#include <cstring>

#include "absl/types/span.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr size_t kSumBytes = ExactSum::kWords * sizeof(int64_t);

// Both sums' words, a byte for the stop, and the culprit's name.
std::string Encode(StepTotals& totals) {
  std::string text;
  for (ExactSum* sum : {&totals.loss, &totals.squares}) {
    text.append(reinterpret_cast<const char*>(sum->words().data()), kSumBytes);
  }
  text.push_back(totals.stop ? 1 : 0);
  return text + totals.culprit;
}

StepTotals Decode(const std::string& text) {
  COG_CHECK_GT(text.size(), 2 * kSumBytes);
  StepTotals totals;
  std::memcpy(totals.loss.words().data(), text.data(), kSumBytes);
  std::memcpy(totals.squares.words().data(), text.data() + kSumBytes,
              kSumBytes);
  totals.stop = text[2 * kSumBytes] != 0;
  totals.culprit = text.substr(2 * kSumBytes + 1);
  return totals;
}

}  // namespace

void StepTotals::Merge(const StepTotals& other) {
  loss.Merge(other.loss);
  squares.Merge(other.squares);
  if (culprit.empty()) culprit = other.culprit;
  stop = stop || other.stop;
}

StepTotals Total(Communicator& world, StepTotals mine) {
  StepTotals total;
  for (const std::string& text : world.AllGatherStrings(Encode(mine))) {
    total.Merge(Decode(text));
  }
  return total;
}

}  // namespace cogdist
