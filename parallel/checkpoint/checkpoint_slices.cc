#include "parallel/checkpoint/checkpoint_slices.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// Flat elements of the store, all owned and of one tensor.
TensorView StateView(const ParamStore& params, CheckpointRole role,
                     ElementRange range) {
  if (role == PARAM) return params.master(range);
  return role == ADAM_M ? params.moment1(range) : params.moment2(range);
}

}  // namespace

std::string CheckpointTensorName(absl::string_view name, CheckpointRole role) {
  switch (role) {
    case ADAM_M:
      return absl::StrCat(name, ".adam_m");
    case ADAM_V:
      return absl::StrCat(name, ".adam_v");
    case EMA:
      return absl::StrCat(name, ".ema");
    case PARAM:
    case ROLE_UNKNOWN:
      break;
  }
  return std::string(name);
}

std::vector<SliceToWrite> SlicesToWrite(const ParamStore& params) {
  std::vector<SliceToWrite> slices;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const ElementRange share = params.share(tensor);
    if (!tensor.counts() || share.count == 0) continue;
    const ElementRange held = {share.begin - tensor.range.begin, share.count};
    for (const CheckpointRole role : {PARAM, ADAM_M, ADAM_V}) {
      slices.push_back({.name = tensor.named.name,
                        .role = role,
                        .region = RegionOf(tensor.named, held),
                        .data = StateView(params, role, share)});
    }
  }
  std::sort(slices.begin(), slices.end(), [](const auto& a, const auto& b) {
    return CheckpointTensorName(a.name, a.role) <
           CheckpointTensorName(b.name, b.role);
  });
  return slices;
}

int64_t MostBytesToWrite(const ParamStore& params, int replicas) {
  int64_t most = 0;
  for (int replica = 0; replica < replicas; ++replica) {
    int64_t elements = 0;
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      if (tensor.counts()) elements += params.share(tensor, replica).count;
    }
    most = std::max(most, elements);
  }
  constexpr int64_t kRoles = 3;  // weights and both moments
  return most * kRoles * static_cast<int64_t>(sizeof(float));
}

std::vector<TensorToRead> TensorsToRead(const ParamStore& params,
                                        CheckpointContents contents) {
  std::vector<TensorToRead> tensors;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    tensors.push_back({&tensor, PARAM, params.stored(tensor)});
    if (contents == CheckpointContents::kWeights) continue;
    const ElementRange owned = params.owned(tensor);
    for (const CheckpointRole role : {ADAM_M, ADAM_V}) {
      tensors.push_back(
          {&tensor, role, {owned.begin - tensor.range.begin, owned.count}});
    }
  }
  return tensors;
}

void WriteToStore(ParamStore& params, Stream& stream,
                  const TensorToRead& tensor, int64_t first,
                  absl::Span<const float> values) {
  if (tensor.role == PARAM) {
    params.Write(stream, *tensor.tensor, first, values);
    return;
  }
  const TensorView to = StateView(params, tensor.role,
                                  {tensor.tensor->range.begin + first,
                                   static_cast<int64_t>(values.size())});
  stream.Copy(to.data, values.data(), to.bytes());
  stream.Synchronize();
}

}  // namespace cogdist
