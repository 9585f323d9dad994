#include "parallel/checkpoint/tensor_reader.h"

#include <algorithm>
#include <utility>

#include "parallel/checkpoint/manifest_check.h"
#include "runtime/status_macros.h"

namespace cogdist {

const CheckpointTensor* FindTensor(const CheckpointManifest& manifest,
                                   absl::string_view name,
                                   CheckpointRole role) {
  const auto found = std::partition_point(
      manifest.tensors().begin(), manifest.tensors().end(),
      [&](const CheckpointTensor& tensor) {
        return tensor.name() != name ? tensor.name() < name
                                     : tensor.role() < role;
      });
  const bool here = found != manifest.tensors().end() &&
                    found->name() == name && found->role() == role;
  return here ? &*found : nullptr;
}

TensorRegion WholeRegion(const Shape& shape) {
  return RegionOf(NamedTensor{.name = "", .shape = shape},
                  {0, shape.num_elements()});
}

TensorReader::TensorReader(const CheckpointTensor& tensor,
                           const TensorRegion& region, SliceReader& slices)
    : tensor_(tensor), region_(region), reader_(slices) {
  const std::vector<RegionRun> wanted = RunsOf(region);
  for (const CheckpointSlice& slice : tensor.slices()) {
    SliceRuns of_slice = {&slice, RunsOf(RegionOf(tensor, slice))};
    bool needed = false;
    ForEachCommonRun(wanted, of_slice.runs,
                     [&](const CommonRun&) { needed = true; });
    if (needed) slices_.push_back(std::move(of_slice));
  }
}

absl::Status TensorReader::Read(int64_t first, absl::Span<float> out) {
  TensorRegion piece = region_;
  piece.range = {region_.range.begin + first, static_cast<int64_t>(out.size())};
  const std::vector<RegionRun> wanted = RunsOf(piece);
  std::vector<CommonRun> common;
  for (const SliceRuns& of_slice : slices_) {
    common.clear();
    ForEachCommonRun(wanted, of_slice.runs,
                     [&](const CommonRun& run) { common.push_back(run); });
    COG_RETURN_IF_ERROR(reader_.Read(tensor_, *of_slice.slice, common, out));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
