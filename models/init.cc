#include "models/init.h"

#include <algorithm>
#include <vector>

#include "runtime/rng.h"

namespace cogdist {
namespace {

// Elements a thread fills at a time; even, as Rng::FillNormal wants.
constexpr int64_t kChunk = 1 << 14;

std::vector<float> InitialValues(const ParamStore::Tensor& tensor,
                                 uint64_t seed) {
  std::vector<float> values(tensor.range.count, 1.0f);
  if (tensor.init.kind == ParamInit::Kind::kOnes) return values;
  const Rng rng(seed, tensor.named.name);
  const int64_t count = tensor.range.count;
#pragma omp parallel for schedule(static)
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const absl::Span<float> chunk =
        absl::MakeSpan(values).subspan(begin, std::min(kChunk, count - begin));
    rng.FillNormal(chunk, begin, tensor.init.std);
  }
  return values;
}

}  // namespace

void InitializeParameters(ParamStore& params, Stream& stream, uint64_t seed) {
  if (stream.device_type() == DeviceType::kMeta) return;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const std::vector<float> values = InitialValues(tensor, seed);
    stream.Copy(params.master(tensor.range).data, values.data(),
                values.size() * sizeof(float));
    stream.Synchronize();  // `values` is about to go
  }
  params.CastWeights(stream);
}

}  // namespace cogdist
