#include "parallel/checkpoint/checkpoint_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/manifest_file.h"
#include "parallel/checkpoint/run_owner.h"
#include "parallel/shared_status.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/process.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// A thread; where the system gives none, the call runs when it is waited for.
template <typename Function>
auto InBackground(Function function) {
  return std::async(std::launch::async | std::launch::deferred,
                    std::move(function));
}

template <typename T>
bool Ready(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) !=
         std::future_status::timeout;
}

// That all ranks see what rank 0 makes in the run's folder: otherwise the first
// checkpoint would tell, hours later.
absl::Status CheckIsShared(FileSystem& files, absl::string_view run_dir,
                           absl::string_view attempt, Communicator& world) {
  const absl::StatusOr<std::string> probe =
      ResultOfRank0(world, [&]() -> absl::StatusOr<std::string> {
        std::string path = ProbePath(run_dir, attempt);
        COG_RETURN_IF_ERROR(files.CreateDirectory(path));
        return path;
      });
  // Nothing can be written now. Each checkpoint will tell whether that lasts.
  if (!probe.ok()) return absl::OkStatus();
  const absl::StatusOr<bool> seen = files.Exists(*probe);
  absl::Status status = seen.status();
  if (seen.ok() && !*seen) {
    status = absl::FailedPreconditionError(absl::StrCat(
        "run_dir: rank ", world.rank(), " on ", HostName(), " does not see ",
        *probe, ", which rank 0 has made; name a directory on a file system ",
        "that all ranks share"));
  }
  status = FirstError(world, status);
  if (world.rank() == 0) files.RemoveDirectory(*probe).IgnoreError();
  return status;
}

}  // namespace

absl::StatusOr<std::string> BeginAttempt(FileSystem& files,
                                         absl::string_view run_dir,
                                         Communicator& world) {
  COG_ASSIGN_OR_RETURN(
      std::string attempt,
      ResultOfRank0(world, [&]() -> absl::StatusOr<std::string> {
        COG_ASSIGN_OR_RETURN(std::string name, TakeOwnership(files, run_dir));
        COG_RETURN_IF_ERROR(PrepareCheckpoints(files, run_dir));
        return name;
      }));
  COG_RETURN_IF_ERROR(CheckIsShared(files, run_dir, attempt, world));
  return attempt;
}

CheckpointWriter::CheckpointWriter(const Options& options, Communicator& world)
    : options_(options), world_(world) {
  COG_CHECK(options.chunk_bytes > 0 && options.chunk_bytes % 8 == 0);
}

void CheckpointWriter::Start(const ParamStore& params, Stream& stream,
                             const CheckpointManifest& head) {
  COG_CHECK(!busy(), "two saves must not overlap: call Finish() first");
  start_seconds_ = MonotonicSeconds();
  head_ = head;
  const absl::Status taken = snapshot_.Take(params, stream);
  const absl::StatusOr<std::string> names =
      ResultOfRank0(world_, [&] { return MakeFolder(); });
  folder_.clear();
  if (names.ok()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(*names, '\n');
    folder_ = parts.first;
    head_.set_save_id(parts.second);
  }
  const absl::Status begun = names.ok() ? taken : names.status();
  shard_ = begun.ok() ? InBackground([this] { return WriteShard(); })
                      : InBackground([begun]() {
                          return absl::StatusOr<CheckpointManifest>(begun);
                        });
  outcome_ = {.step = head.train_state().step(), .bytes = snapshot_.bytes()};
  outcome_.blocked_seconds = MonotonicSeconds() - start_seconds_;
  phase_ = Phase::kShards;
}

absl::StatusOr<std::string> CheckpointWriter::MakeFolder() {
  const std::string folder = TemporaryCheckpointPath(
      options_.run_dir, head_.train_state().step(), options_.attempt);
  COG_RETURN_IF_ERROR(options_.files.CreateDirectory(folder));
  return absl::StrCat(folder, "\n", RandomHex(16));
}

absl::StatusOr<CheckpointManifest> CheckpointWriter::WriteShard() const {
  return snapshot_.Write({.files = options_.files,
                          .folder = folder_,
                          .save_id = head_.save_id(),
                          .rank = world_.rank(),
                          .chunk_bytes = options_.chunk_bytes});
}

std::optional<CheckpointWriter::Outcome> CheckpointWriter::Poll() {
  if (phase_ == Phase::kShards) {
    const std::vector<std::string> ready =
        world_.AllGatherStrings(Ready(shard_) ? "1" : "0");
    const bool all = std::all_of(ready.begin(), ready.end(),
                                 [](const auto& r) { return r == "1"; });
    if (all) GatherShards();
    return std::nullopt;
  }
  return phase_ == Phase::kCommit ? TakeCommit() : std::nullopt;
}

std::optional<CheckpointWriter::Outcome> CheckpointWriter::Finish() {
  // In turns: a rank that waited in an exchange for one with a slow disk would
  // look like one that hangs.
  constexpr std::chrono::milliseconds kTurn(10);
  std::optional<Outcome> outcome;
  while (busy()) {
    if (shard_.valid()) shard_.wait_for(kTurn);
    if (commit_.valid()) commit_.wait_for(kTurn);
    outcome = Poll();
  }
  return outcome;
}

void CheckpointWriter::GatherShards() {
  phase_ = Phase::kCommit;
  absl::StatusOr<CheckpointManifest> mine = shard_.get();
  const std::vector<std::string> texts = world_.AllGatherStrings(PackResult(
      mine.ok() ? absl::StatusOr<std::string>(mine->SerializeAsString())
                : mine.status()));
  if (world_.rank() != 0) return;
  commit_ = InBackground([this, texts] { return DoCommit(Merge(texts)); });
}

absl::StatusOr<CheckpointManifest> CheckpointWriter::Merge(
    const std::vector<std::string>& results) const {
  std::vector<CheckpointManifest> ranks(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    COG_ASSIGN_OR_RETURN(const std::string bytes, UnpackResult(results[i]));
    COG_CHECK(ranks[i].ParseFromString(bytes));
  }
  CheckpointManifest head = head_;
  head.set_format_version(kCheckpointFormatVersion);
  head.set_min_reader_version(kCheckpointFormatVersion);
  head.set_attempt(options_.attempt);
  head.set_chunk_bytes(options_.chunk_bytes);
  return MergeManifests(head, ranks);
}

CheckpointWriter::Commit CheckpointWriter::DoCommit(
    const absl::StatusOr<CheckpointManifest>& manifest) const {
  FileSystem& files = options_.files;
  absl::StatusOr<std::string> path =
      manifest.ok() ? CommitCheckpoint({.files = files,
                                        .run_dir = options_.run_dir,
                                        .folder = folder_,
                                        .manifest = *manifest})
                    : manifest.status();
  if (path.ok()) {
    return {.path = *path,
            .retention = ApplyRetention({.files = files,
                                         .run_dir = options_.run_dir,
                                         .attempt = options_.attempt,
                                         .retention = options_.retention,
                                         .committed = outcome_.step})};
  }
  // What cannot be deleted now is when the run starts again.
  if (!folder_.empty()) (void)RemoveDirectoryAndFiles(files, folder_);
  return {.status = path.status()};
}

std::optional<CheckpointWriter::Outcome> CheckpointWriter::TakeCommit() {
  const bool done = world_.rank() == 0 && Ready(commit_);
  if (world_.BroadcastString(done ? "done" : "", 0).empty()) {
    return std::nullopt;
  }
  phase_ = Phase::kIdle;
  const Commit mine = done ? commit_.get() : Commit();
  const absl::StatusOr<std::string> path = ResultOfRank0(world_, [&] {
    return mine.status.ok() ? absl::StatusOr<std::string>(mine.path)
                            : mine.status;
  });
  outcome_.status = path.status();
  if (path.ok()) outcome_.path = *path;
  outcome_.retention = FirstError(world_, mine.retention);
  outcome_.seconds = MonotonicSeconds() - start_seconds_;
  return outcome_;
}

}  // namespace cogdist
