#include "parallel/checkpoint/shard_snapshot.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/range.h"
#include "runtime/safetensors_writer.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The slice as a tensor of the shard: under the tensor's own name and, where it
// is a whole box, with the box's extents, as other programs would look for it.
TensorSpec SpecOf(const SliceToWrite& slice) {
  return {.name = CheckpointTensorName(slice.name, slice.role),
          .dtype = DType::kFloat32,
          .shape = slice.region.whole_box()
                       ? slice.region.extent
                       : Shape({slice.region.range.count})};
}

// The slice in words, without its checksums.
void Describe(const SliceToWrite& slice, int64_t file_offset,
              CheckpointTensor& tensor) {
  const TensorRegion& region = slice.region;
  tensor.set_name(slice.name);
  tensor.set_role(slice.role);
  tensor.set_dtype(FLOAT32);
  CheckpointSlice& stored = *tensor.add_slices();
  for (int dim = 0; dim < region.shape.rank(); ++dim) {
    tensor.add_shape(region.shape.dim(dim));
    stored.add_offset(region.offset.dim(dim));
    stored.add_extent(region.extent.dim(dim));
  }
  if (!region.whole_box()) {
    stored.set_begin(region.range.begin);
    stored.set_count(region.range.count);
  }
  stored.set_shard(0);
  stored.set_file_offset(file_offset);
  stored.set_bytes(region.range.count * kFloatBytes);
}

}  // namespace

absl::Status ShardSnapshot::Take(const ParamStore& params, Stream& stream) {
  slices_ = SlicesToWrite(params);
  elements_ = 0;
  for (const SliceToWrite& slice : slices_) {
    elements_ += slice.region.range.count;
  }
  if (bytes() > data_.bytes()) {
    data_ = HostBuffer();  // first: both may be too much
    absl::StatusOr<HostBuffer> data =
        HostBuffer::Allocate(stream.device(), bytes());
    if (!data.ok()) {
      return absl::ResourceExhaustedError(
          absl::StrCat(data.status().message(),
                       ", for a copy of the state that this rank is to write"));
    }
    data_ = *std::move(data);
  }
  const Range range(stream.device(), "checkpoint copy");
  float* to = data_.As<float>().data();
  for (SliceToWrite& slice : slices_) {
    stream.Copy(to, slice.data.data, slice.data.bytes());
    to += slice.region.range.count;
    slice.data = TensorView();
  }
  stream.Synchronize();
  return absl::OkStatus();
}

absl::StatusOr<CheckpointManifest> ShardSnapshot::Write(
    const WriteArgs& args) const {
  CheckpointManifest manifest;
  if (slices_.empty()) return manifest;
  CheckpointShard& shard = *manifest.add_shards();
  shard.set_path(absl::StrFormat("shard_%05d.safetensors", args.rank));
  shard.set_writer_rank(args.rank);
  COG_ASSIGN_OR_RETURN(
      const std::unique_ptr<WritableFile> file,
      args.files.CreateFile(absl::StrCat(args.folder, "/", shard.path())));
  COG_RETURN_IF_ERROR(WriteContents(args, *file, manifest));
  COG_RETURN_IF_ERROR(file->Sync());
  COG_RETURN_IF_ERROR(file->Close());
  // By each rank: on a network file system only this machine knows the name.
  COG_RETURN_IF_ERROR(args.files.SyncDirectory(args.folder));
  return manifest;
}

absl::Status ShardSnapshot::WriteContents(const WriteArgs& args,
                                          WritableFile& file,
                                          CheckpointManifest& manifest) const {
  std::vector<TensorSpec> specs;
  for (const SliceToWrite& slice : slices_) specs.push_back(SpecOf(slice));
  COG_ASSIGN_OR_RETURN(
      SafetensorsWriter writer,
      SafetensorsWriter::Create(file, specs,
                                {{"format", "cogdist.checkpoint"},
                                 {"save_id", std::string(args.save_id)},
                                 {"writer_rank", absl::StrCat(args.rank)}}));
  CheckpointShard& shard = *manifest.mutable_shards(0);
  shard.set_header_bytes(writer.header().size());
  shard.set_header_crc32c(Crc32c(writer.header()));
  int64_t offset = shard.header_bytes();
  // The writer's order is that of the slices: all types are the same.
  const char* data = static_cast<const char*>(data_.data());
  for (const SliceToWrite& slice : slices_) {
    CheckpointTensor& tensor = *manifest.add_tensors();
    Describe(slice, offset, tensor);
    CheckpointSlice& stored = *tensor.mutable_slices(0);
    for (int64_t done = 0; done < stored.bytes(); done += args.chunk_bytes) {
      const absl::string_view chunk(
          data + done, std::min(args.chunk_bytes, stored.bytes() - done));
      stored.add_crc32c(Crc32c(chunk));
      COG_RETURN_IF_ERROR(writer.Append(chunk));
    }
    offset += stored.bytes();
    data += stored.bytes();
  }
  COG_CHECK(writer.complete());
  shard.set_bytes(offset);
  return absl::OkStatus();
}

}  // namespace cogdist
