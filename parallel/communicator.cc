#include "parallel/communicator.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/functional/function_ref.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// Folds every rank's values, in rank order.
void Fold(Communicator& group, absl::Span<double> values,
          absl::FunctionRef<double(double, double)> op) {
  const size_t bytes = values.size() * sizeof(double);
  const std::vector<std::string> all = group.AllGatherStrings(
      absl::string_view(reinterpret_cast<const char*>(values.data()), bytes));
  std::vector<double> other(values.size());
  for (int rank = 0; rank < group.size(); ++rank) {
    COG_CHECK_EQ(all[rank].size(), bytes);
    std::memcpy(other.data(), all[rank].data(), bytes);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = rank == 0 ? other[i] : op(values[i], other[i]);
    }
  }
}

}  // namespace

void Communicator::AllReduceSumHost(absl::Span<double> values) {
  Fold(*this, values, [](double a, double b) { return a + b; });
}

void Communicator::AllReduceMaxHost(absl::Span<double> values) {
  Fold(*this, values, [](double a, double b) {
    return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
  });
}

std::string Communicator::BroadcastString(absl::string_view text, int root) {
  return AllGatherStrings(rank() == root ? text : absl::string_view())[root];
}

void Communicator::Barrier() { AllGatherStrings(""); }

}  // namespace cogdist
