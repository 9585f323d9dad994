#include "parallel/checkpoint/checkpoint_loader.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/checkpoint/manifest_check.h"
#include "parallel/checkpoint/slice_reader.h"
#include "parallel/checkpoint/tensor_region.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Elements that are on their way to the store at a time.
constexpr int64_t kPiece = 4 << 20;

absl::Status OtherModel(const StoredCheckpoint& checkpoint,
                        absl::string_view tensor, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat(checkpoint.path, ": tensor ", tensor, " ", fault,
                   "; use the configuration that the checkpoint belongs to"));
}

absl::Status CheckAllExpected(const LoadArgs& args) {
  for (const CheckpointTensor& tensor : args.checkpoint.manifest.tensors()) {
    const bool expected =
        args.names.count(tensor.name()) > 0 &&
        (tensor.role() != EMA || args.contents == CheckpointContents::kWeights);
    if (expected) continue;
    return OtherModel(args.checkpoint,
                      CheckpointTensorName(tensor.name(), tensor.role()),
                      "is not part of the model");
  }
  return absl::OkStatus();
}

// Null if there is none.
const CheckpointTensor* Find(const CheckpointManifest& manifest,
                             const std::string& name, CheckpointRole role) {
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

// Of slices that have something in common with the region of `wanted`.
struct SliceRuns {
  const CheckpointSlice* slice = nullptr;
  std::vector<RegionRun> runs;
};

std::vector<SliceRuns> SlicesOf(const CheckpointTensor& tensor,
                                absl::Span<const RegionRun> wanted) {
  std::vector<SliceRuns> slices;
  for (const CheckpointSlice& slice : tensor.slices()) {
    SliceRuns of_slice = {&slice, RunsOf(RegionOf(tensor, slice))};
    bool needed = false;
    ForEachCommonRun(wanted, of_slice.runs,
                     [&](const CommonRun&) { needed = true; });
    if (needed) slices.push_back(std::move(of_slice));
  }
  return slices;
}

absl::Status LoadTensor(const LoadArgs& args, const TensorToRead& wanted,
                        SliceReader& reader) {
  const NamedTensor& named = wanted.tensor->named;
  const CheckpointTensor* const stored =
      Find(args.checkpoint.manifest, named.name, wanted.role);
  const std::string label = CheckpointTensorName(named.name, wanted.role);
  if (stored == nullptr) {
    return OtherModel(args.checkpoint, label, "is missing");
  }
  if (const Shape shape = ShapeOf(*stored); !(shape == named.shape)) {
    return OtherModel(
        args.checkpoint, label,
        absl::StrCat("has shape ", shape.ToString(), ", the model's is ",
                     named.shape.ToString()));
  }
  if (wanted.range.count == 0) return absl::OkStatus();
  const std::vector<SliceRuns> slices =
      SlicesOf(*stored, RunsOf(RegionOf(named, wanted.range)));
  std::vector<float> values;
  std::vector<CommonRun> common;
  for (int64_t i = wanted.range.begin; i < wanted.range.end(); i += kPiece) {
    values.resize(std::min(kPiece, wanted.range.end() - i));
    const std::vector<RegionRun> piece =
        RunsOf(RegionOf(named, {i, static_cast<int64_t>(values.size())}));
    for (const SliceRuns& of_slice : slices) {
      common.clear();
      ForEachCommonRun(piece, of_slice.runs,
                       [&](const CommonRun& run) { common.push_back(run); });
      COG_RETURN_IF_ERROR(reader.Read(*stored, *of_slice.slice, common,
                                      absl::MakeSpan(values)));
    }
    WriteToStore(args.params, args.stream, wanted, i, values);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> LoadCheckpoint(const LoadArgs& args) {
  COG_RETURN_IF_ERROR(CheckAllExpected(args));
  SliceReader reader(args.files, args.checkpoint);
  for (const TensorToRead& wanted : TensorsToRead(args.params, args.contents)) {
    COG_RETURN_IF_ERROR(LoadTensor(args, wanted, reader));
  }
  return reader.bytes_read();
}

}  // namespace cogdist
