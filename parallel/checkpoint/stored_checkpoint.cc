#include "parallel/checkpoint/stored_checkpoint.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/slice_reader.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status CheckSize(
    const absl::StatusOr<std::unique_ptr<ReadableFile>>& file,
    absl::string_view path, int64_t expected) {
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

// `fault` of shard number `shard`, and what nobody can look at for it.
absl::Status WithLostTensors(const absl::Status& fault,
                             const CheckpointManifest& manifest,
                             uint32_t shard) {
  std::vector<std::string> lost;
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    const bool has_part = std::any_of(
        tensor.slices().begin(), tensor.slices().end(),
        [&](const CheckpointSlice& slice) { return slice.shard() == shard; });
    if (!has_part) continue;
    lost.push_back(CheckpointTensorName(tensor.name(), tensor.role()));
  }
  return {fault.code(),
          absl::StrCat(fault.message(), "; with it parts of these tensors are ",
                       "lost: ", absl::StrJoin(lost, ", "))};
}

}  // namespace

absl::Status AsDamage(const absl::Status& error, absl::string_view message) {
  const bool of_file =
      !absl::IsPermissionDenied(error) && !absl::IsResourceExhausted(error);
  return {of_file ? absl::StatusCode::kDataLoss : error.code(), message};
}

absl::StatusOr<StoredCheckpoint> ReadCheckpointManifest(
    FileSystem& files, absl::string_view path) {
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
  return checkpoint;
}

absl::StatusOr<StoredCheckpoint> OpenCheckpoint(FileSystem& files,
                                                absl::string_view path) {
  COG_ASSIGN_OR_RETURN(StoredCheckpoint checkpoint,
                       ReadCheckpointManifest(files, path));
  for (const CheckpointShard& shard : checkpoint.manifest.shards()) {
    const std::string shard_path = absl::StrCat(path, "/", shard.path());
    COG_RETURN_IF_ERROR(
        CheckSize(files.OpenFile(shard_path), shard_path, shard.bytes()));
  }
  return checkpoint;
}

std::vector<absl::Status> VerifyCheckpoint(FileSystem& files,
                                           const StoredCheckpoint& checkpoint) {
  std::vector<absl::Status> faults;
  const auto note = [&](const absl::Status& status) {
    if (!status.ok()) faults.push_back(status);
  };
  SliceReader reader(files, checkpoint);
  const CheckpointManifest& manifest = checkpoint.manifest;
  std::vector<bool> here(manifest.shards_size());
  for (int i = 0; i < manifest.shards_size(); ++i) {
    const CheckpointShard& shard = manifest.shards(i);
    const std::string path = absl::StrCat(checkpoint.path, "/", shard.path());
    auto file = files.OpenFile(path);
    const absl::Status size = CheckSize(file, path, shard.bytes());
    here[i] = file.ok();
    file = nullptr;  // closed, before the reader opens it
    note(here[i] ? size : WithLostTensors(size, manifest, i));
    if (here[i]) note(reader.VerifyHeader(i));
  }
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    for (const CheckpointSlice& slice : tensor.slices()) {
      if (here[slice.shard()]) note(reader.Verify(tensor, slice));
    }
  }
  return faults;
}

}  // namespace cogdist
