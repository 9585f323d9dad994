#include "parallel/checkpoint/restore.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/checkpoint_loader.h"
#include "parallel/shared_status.h"
#include "parallel/tensor_names.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// What rank 0 finds; the ranks decide together from what it has found.
absl::StatusOr<std::vector<std::string>> ListTogether(
    const RestoreArgs& args, absl::string_view run_dir) {
  COG_ASSIGN_OR_RETURN(
      const std::string list,
      ResultOfRank0(
          *args.context.groups.world, [&]() -> absl::StatusOr<std::string> {
            COG_ASSIGN_OR_RETURN(const std::vector<CheckpointFolder> folders,
                                 ListCheckpoints(args.files, run_dir));
            std::string paths;
            for (const CheckpointFolder& folder : folders) {
              absl::StrAppend(&paths, folder.path, std::string(1, '\0'));
            }
            return paths;
          }));
  return absl::StrSplit(list, '\0', absl::SkipEmpty());
}

}  // namespace

absl::StatusOr<StoredCheckpoint> RestoreCheckpoint(const RestoreArgs& args,
                                                   absl::string_view path) {
  Communicator& world = *args.context.groups.world;
  COG_ASSIGN_OR_RETURN(
      const std::string manifest,
      ResultOfRank0(world, [&]() -> absl::StatusOr<std::string> {
        COG_ASSIGN_OR_RETURN(const StoredCheckpoint checkpoint,
                             OpenCheckpoint(args.files, path));
        return checkpoint.manifest.SerializeAsString();
      }));
  StoredCheckpoint checkpoint = {.path = std::string(path)};
  COG_CHECK(checkpoint.manifest.ParseFromString(manifest));
  const std::set<std::string> names =
      AllTensorNames(args.params, args.context.groups.pipeline.get());
  const absl::StatusOr<int64_t> loaded =
      LoadCheckpoint({.files = args.files,
                      .checkpoint = checkpoint,
                      .params = args.params,
                      .stream = *args.context.streams.compute,
                      .names = names,
                      .contents = args.contents});
  COG_RETURN_IF_ERROR(FirstError(world, loaded.status()));
  return checkpoint;
}

absl::StatusOr<RestoredNewest> RestoreNewest(const RestoreArgs& args,
                                             absl::string_view run_dir) {
  COG_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                       ListTogether(args, run_dir));
  RestoredNewest result;
  for (const std::string& path : paths) {
    absl::StatusOr<StoredCheckpoint> restored = RestoreCheckpoint(args, path);
    if (restored.ok()) {
      result.checkpoint = *std::move(restored);
      break;
    }
    if (!absl::IsDataLoss(restored.status())) return restored.status();
    result.passed_over.emplace_back(restored.status().message());
  }
  return result;
}

}  // namespace cogdist
