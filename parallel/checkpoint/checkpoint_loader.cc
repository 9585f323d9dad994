#include "parallel/checkpoint/checkpoint_loader.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/checkpoint/manifest_check.h"
#include "parallel/checkpoint/slice_reader.h"
#include "parallel/checkpoint/tensor_reader.h"
#include "parallel/checkpoint/tensor_region.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Elements that are on their way to the store at a time: few enough to stay in
// the processor's caches.
constexpr int64_t kPiece = 1 << 18;

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

// `buffer` has kPiece elements.
absl::Status LoadTensor(const LoadArgs& args, const TensorToRead& wanted,
                        SliceReader& reader, absl::Span<float> buffer) {
  const NamedTensor& named = wanted.tensor->named;
  const CheckpointTensor* const stored =
      FindTensor(args.checkpoint.manifest, named.name, wanted.role);
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
  TensorReader tensor(*stored, RegionOf(named, wanted.range), reader);
  for (int64_t i = 0; i < wanted.range.count; i += kPiece) {
    const absl::Span<float> values =
        buffer.first(std::min(kPiece, wanted.range.count - i));
    COG_RETURN_IF_ERROR(tensor.Read(i, values));
    WriteToStore(args.params, args.stream, wanted, wanted.range.begin + i,
                 values);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> LoadCheckpoint(const LoadArgs& args) {
  COG_RETURN_IF_ERROR(CheckAllExpected(args));
  SliceReader reader(args.files, args.checkpoint);
  std::vector<float> buffer(kPiece);
  for (const TensorToRead& wanted : TensorsToRead(args.params, args.contents)) {
    COG_RETURN_IF_ERROR(
        LoadTensor(args, wanted, reader, absl::MakeSpan(buffer)));
  }
  return reader.bytes_read();
}

}  // namespace cogdist
