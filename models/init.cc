#include "models/init.h"

#include <algorithm>
#include <vector>

#include "runtime/rng.h"

namespace cogdist {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements held on the host at a time
constexpr int64_t kChunk = 1 << 14;  // elements a thread fills at a time

void FillInitialValues(const ParamStore::Tensor& tensor, uint64_t seed,
                       int64_t first, absl::Span<float> values) {
  if (tensor.init.kind == ParamInit::Kind::kOnes) {
    std::fill(values.begin(), values.end(), 1.0f);
    return;
  }
  const Rng rng(seed, tensor.named.name);
  const int64_t count = values.size();
#pragma omp parallel for schedule(static)
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const ElementRange chunk = {first + begin, std::min(kChunk, count - begin)};
    ForEachRun(tensor.named, chunk, [&](const ElementRun& run) {
      rng.FillNormal(values.subspan(run.held - first, run.count), run.whole,
                     tensor.init.std);
    });
  }
}

}  // namespace

void InitializeParameters(ParamStore& params, Stream& stream, uint64_t seed) {
  if (stream.device_type() == DeviceType::kMeta) return;
  std::vector<float> values;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const ElementRange stored = params.stored(tensor);
    for (int64_t i = stored.begin; i < stored.end(); i += kPiece) {
      values.resize(std::min(kPiece, stored.end() - i));
      FillInitialValues(tensor, seed, i, absl::MakeSpan(values));
      params.Write(stream, tensor, i, values);
    }
  }
}

}  // namespace cogdist
