#include "launcher/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/host_read.h"

namespace cogdist {
namespace {

struct Statistics {
  int64_t count = 0;
  int64_t not_finite = 0;
  // Of the finite values.
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double squares = 0;

  void Add(float value) {
    ++count;
    if (!std::isfinite(value)) {
      ++not_finite;
      return;
    }
    min = std::min<double>(min, value);
    max = std::max<double>(max, value);
    squares += double{value} * value;
  }
};

// Of a float32 tensor.
Statistics StatisticsOf(Stream& stream, const TensorView& x) {
  Statistics result;
  ReadOnHost(stream, x, [&](absl::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(sizeof(float))) {
      float value = 0;
      std::memcpy(&value, bytes.data(), sizeof(value));
      result.Add(value);
    }
  });
  return result;
}

std::string Format(const Statistics& x, absl::string_view kind,
                   absl::string_view name) {
  const std::string label = absl::StrFormat("%-8s  %s", kind, name);
  if (x.not_finite == x.count) {
    return absl::StrFormat("%9d of %9d  %12s  %12s  %12s  %s\n", x.not_finite,
                           x.count, "-", "-", "-", label);
  }
  const double rms =
      std::sqrt(x.squares / static_cast<double>(x.count - x.not_finite));
  return absl::StrFormat("%9d of %9d  %12.5g  %12.5g  %12.5g  %s\n",
                         x.not_finite, x.count, x.min, x.max, rms, label);
}

}  // namespace

std::string DescribeTensors(const ParamStore& params, Stream& stream,
                            int64_t step, int rank) {
  std::string bad;
  std::string good;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    if (params.owned(tensor).count == 0) continue;
    const std::pair<absl::string_view, TensorView> kinds[] = {
        {"weight", params.master(params.owned(tensor))},
        {"gradient", params.gradients(params.owned(tensor))}};
    for (const auto& [kind, view] : kinds) {
      const Statistics statistics = StatisticsOf(stream, view);
      std::string& lines = statistics.not_finite > 0 ? bad : good;
      absl::StrAppend(&lines, Format(statistics, kind, tensor.named.name));
    }
  }
  return absl::StrCat(
      "Rank ", rank, " after step ", step,
      ", which was skipped. Gradients are those of that step, summed over "
      "ranks.\n\n",
      absl::StrFormat("%22s  %12s  %12s  %12s  %s\n", "not finite", "min",
                      "max", "rms", "of the finite values"),
      bad, good);
}

}  // namespace cogdist
