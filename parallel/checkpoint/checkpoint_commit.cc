#include "parallel/checkpoint/checkpoint_commit.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/manifest_check.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/run_owner.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status WriteDurably(FileSystem& files, absl::string_view path,
                          absl::string_view contents) {
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file,
                       files.CreateFile(path));
  COG_RETURN_IF_ERROR(file->Append(contents));
  COG_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

// As this rank sees them: ranks may believe that they share a folder.
absl::Status CheckShardsAreHere(const CommitArgs& args) {
  for (const CheckpointShard& shard : args.manifest.shards()) {
    const std::string path = absl::StrCat(args.folder, "/", shard.path());
    const absl::StatusOr<std::unique_ptr<ReadableFile>> file =
        args.files.OpenFile(path);
    if (file.ok() && (*file)->size() == shard.bytes()) continue;
    return absl::UnavailableError(absl::StrCat(
        path, ": rank ", shard.writer_rank(), " has written ", shard.bytes(),
        " bytes, rank 0 ",
        file.ok() ? absl::StrCat("sees ", (*file)->size())
                  : "does not see the file",
        "; the run directory must be on a file system that all ranks share"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointManifest> MergeManifests(
    const CheckpointManifest& head,
    absl::Span<const CheckpointManifest> ranks) {
  CheckpointManifest merged = head;
  std::map<std::pair<std::string, int>, CheckpointTensor> tensors;
  for (const CheckpointManifest& rank : ranks) {
    const int first_shard = merged.shards_size();
    for (const CheckpointShard& shard : rank.shards()) {
      *merged.add_shards() = shard;
    }
    for (const CheckpointTensor& tensor : rank.tensors()) {
      CheckpointTensor& whole = tensors[{tensor.name(), tensor.role()}];
      const int first_slice = whole.slices_size();
      // Slices are added, shapes are set.
      whole.clear_shape();
      whole.MergeFrom(tensor);
      for (int i = first_slice; i < whole.slices_size(); ++i) {
        CheckpointSlice& slice = *whole.mutable_slices(i);
        slice.set_shard(slice.shard() + first_shard);
      }
    }
  }
  for (auto& [key, tensor] : tensors) *merged.add_tensors() = std::move(tensor);
  if (const absl::Status checked = CheckManifest(merged); !checked.ok()) {
    return absl::InternalError(absl::StrCat(
        "the ranks' slices do not make up a checkpoint: ", checked.message()));
  }
  return merged;
}

absl::StatusOr<std::string> CommitCheckpoint(const CommitArgs& args) {
  const CheckpointManifest& manifest = args.manifest;
  COG_RETURN_IF_ERROR(CheckShardsAreHere(args));
  COG_ASSIGN_OR_RETURN(const std::string encoded, EncodeManifest(manifest));
  COG_RETURN_IF_ERROR(WriteDurably(
      args.files, absl::StrCat(args.folder, "/", kManifestTextName),
      ManifestText(manifest)));
  COG_RETURN_IF_ERROR(WriteDurably(
      args.files, absl::StrCat(args.folder, "/", kManifestName), encoded));
  COG_RETURN_IF_ERROR(args.files.SyncDirectory(args.folder));
  COG_RETURN_IF_ERROR(
      CheckOwnership(args.files, args.run_dir, manifest.attempt()));
  std::string path =
      CheckpointPath(args.run_dir, manifest.train_state().step());
  COG_RETURN_IF_ERROR(args.files.RenameNoReplace(args.folder, path));
  COG_RETURN_IF_ERROR(args.files.SyncDirectory(CheckpointsPath(args.run_dir)));
  return path;
}

absl::Status ApplyRetention(const RetentionArgs& args) {
  const Retention& retention = args.retention;
  COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                       ListCheckpoints(args.files, args.run_dir));
  int64_t kept = 0;
  for (const CheckpointFolder& folder : folders) {
    if (!OpenCheckpoint(args.files, folder.path).ok()) continue;
    const bool stays = kept < retention.keep_last ||
                       folder.step >= args.committed ||
                       (retention.keep_every_steps > 0 &&
                        folder.step % retention.keep_every_steps == 0);
    ++kept;
    if (stays) continue;
    COG_RETURN_IF_ERROR(CheckOwnership(args.files, args.run_dir, args.attempt));
    COG_RETURN_IF_ERROR(DeleteCheckpoint(args.files, folder));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
