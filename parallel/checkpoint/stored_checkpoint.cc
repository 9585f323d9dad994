#include "parallel/checkpoint/stored_checkpoint.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/slice_reader.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status CheckSize(FileSystem& files, const std::string& path,
                       int64_t expected) {
  const absl::StatusOr<std::unique_ptr<ReadableFile>> file =
      files.OpenFile(path);
  if (!file.ok()) {
    return AsDamage(file.status(),
                    absl::StrCat(path, ": the manifest lists it, but ",
                                 file.status().message()));
  }
  const int64_t bytes = (*file)->size();
  if (bytes == expected) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(path, ": has ", bytes, " bytes, the manifest says ",
                   expected, "; the checkpoint is damaged"));
}

}  // namespace

absl::Status AsDamage(const absl::Status& error, absl::string_view message) {
  const bool of_file =
      !absl::IsPermissionDenied(error) && !absl::IsResourceExhausted(error);
  return {of_file ? absl::StatusCode::kDataLoss : error.code(), message};
}

absl::StatusOr<StoredCheckpoint> OpenCheckpoint(FileSystem& files,
                                                absl::string_view path) {
  const std::string manifest_path = absl::StrCat(path, "/", kManifestName);
  const absl::StatusOr<std::string> bytes = ReadAll(files, manifest_path);
  if (!bytes.ok()) {
    return AsDamage(
        bytes.status(),
        absl::StrCat(path, ": without a readable manifest it is no whole ",
                     "checkpoint: ", bytes.status().message()));
  }
  StoredCheckpoint checkpoint = {.path = std::string(path)};
  COG_ASSIGN_OR_RETURN(checkpoint.manifest,
                       DecodeManifest(*bytes, manifest_path));
  for (const CheckpointShard& shard : checkpoint.manifest.shards()) {
    COG_RETURN_IF_ERROR(
        CheckSize(files, absl::StrCat(path, "/", shard.path()), shard.bytes()));
  }
  return checkpoint;
}

std::vector<absl::Status> VerifyCheckpoint(FileSystem& files,
                                           const StoredCheckpoint& checkpoint) {
  std::vector<absl::Status> faults;
  const auto note = [&](const absl::Status& status) {
    if (!status.ok()) faults.push_back(status);
    return status.ok();
  };
  SliceReader reader(files, checkpoint);
  const CheckpointManifest& manifest = checkpoint.manifest;
  std::vector<bool> readable(manifest.shards_size());
  for (int i = 0; i < manifest.shards_size(); ++i) {
    readable[i] = note(reader.VerifyHeader(i));
  }
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    for (const CheckpointSlice& slice : tensor.slices()) {
      if (readable[slice.shard()]) note(reader.Verify(tensor, slice));
    }
  }
  return faults;
}

}  // namespace cogdist
