#include "launcher/diagnostics.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/value_statistics.h"
#include "runtime/host_read.h"

namespace cogdist {
namespace {

// Of a float32 tensor.
ValueStatistics StatisticsOf(Stream& stream, const TensorView& x) {
  ValueStatistics result;
  ReadOnHost(stream, x, [&](absl::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(sizeof(float))) {
      float value = 0;
      std::memcpy(&value, bytes.data(), sizeof(value));
      result.Add(value);
    }
  });
  return result;
}

std::string Format(const ValueStatistics& x, absl::string_view kind,
                   absl::string_view name) {
  const std::string label = absl::StrFormat("%-8s  %s", kind, name);
  if (x.not_finite == x.count) {
    return absl::StrFormat("%9d of %9d  %12s  %12s  %12s  %s\n", x.not_finite,
                           x.count, "-", "-", "-", label);
  }
  return absl::StrFormat("%9d of %9d  %12.5g  %12.5g  %12.5g  %s\n",
                         x.not_finite, x.count, x.min, x.max, x.rms(), label);
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
      const ValueStatistics statistics = StatisticsOf(stream, view);
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
