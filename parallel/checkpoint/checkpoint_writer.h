// Writes checkpoints while training goes on. A save has two halves, each in the
// background: every rank writes its shard; then rank 0, when it has heard from
// all, writes the manifest and commits (checkpoint_commit.h). In between ranks
// must exchange what they have written, which only their main threads can:
//
//   writer.Start(params, stream, head)        after a step
//   outcome = writer.Poll()                   after each later one
//   outcome = writer.Finish()                 before another Start(), at the
//   end
//
// Nothing but the copy to host memory holds training up, if nothing is called
// but Poll(). Whatever fails makes the save fail, on all ranks, and not the
// run: what it has left is deleted, at the latest when the run starts again.

#ifndef COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_WRITER_H_
#define COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/checkpoint_commit.h"
#include "parallel/checkpoint/shard_snapshot.h"
#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "proto/checkpoint.pb.h"
#include "runtime/file_system.h"
#include "runtime/stream.h"

namespace cogdist {

// Takes the run over for this attempt, puts RUN_DIR/checkpoints in order and
// makes sure that all ranks see the same. Collective, before anything is read
// from there. RUN_DIR must exist. Every rank returns the attempt's name, or the
// same error; FailedPrecondition if a rank has another directory.
absl::StatusOr<std::string> BeginAttempt(FileSystem& files,
                                         absl::string_view run_dir,
                                         Communicator& world);

// One per rank; used by its main thread. All calls but busy() are collective:
// all ranks make the same ones in the same order.
class CheckpointWriter {
 public:
  struct Options {
    FileSystem& files;  // used by background threads; outlives the writer
    std::string run_dir;
    std::string attempt;  // from BeginAttempt()
    Retention retention;
    // Bytes that one checksum covers: what a reader of little must read.
    int64_t chunk_bytes = 1 << 20;
  };
  // `world` outlives the writer, and is used within its calls only.
  CheckpointWriter(const Options& options, Communicator& world);
  // Waits for what this rank is writing; the save may stay uncommitted.
  ~CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  struct Outcome {
    int64_t step = 0;
    // OK: the checkpoint is durable. Aborted: another attempt of the run has
    // taken over, and this one should end. All else: a save that failed; the
    // run goes on. The same on every rank.
    absl::Status status;
    std::string path;  // of the checkpoint
    // Of deleting older checkpoints after a commit: a disk may fill up.
    absl::Status retention;
    double blocked_seconds = 0;  // in Start(), on this rank
    double seconds = 0;          // from there to the commit
    int64_t bytes = 0;           // of this rank's slices
  };

  // Whether a save is under way. The same on every rank.
  bool busy() const { return phase_ != Phase::kIdle; }

  // Copies what this rank has to write to host memory, in order on `stream`,
  // and begins the save. `head` has train_state, config, layout and
  // program_version, the same on every rank; the rest is filled in.
  // REQUIRES: not busy().
  void Start(const ParamStore& params, Stream& stream,
             const CheckpointManifest& head);

  // Brings a save forward; how it ended, if it has. Costs nothing when there is
  // none, else a small exchange. Never waits for a disk.
  std::optional<Outcome> Poll();

  // Likewise, and waits for the end. None if nothing is under way.
  std::optional<Outcome> Finish();

 private:
  enum class Phase {
    kIdle,
    kShards,  // ranks write theirs
    kCommit,  // rank 0 commits, or cleans up after a failure
  };
  struct Commit {
    absl::Status status;
    std::string path;
    absl::Status retention;
  };

  // Rank 0's part of Start(), shared: "FOLDER\nSAVE_ID" on every rank.
  absl::StatusOr<std::string> MakeFolder();
  absl::StatusOr<CheckpointManifest> WriteShard() const;
  // When every rank has written its shard or failed to.
  void GatherShards();
  // In the background on rank 0, with the ranks' packed results.
  absl::StatusOr<CheckpointManifest> Merge(
      const std::vector<std::string>& results) const;
  Commit DoCommit(const absl::StatusOr<CheckpointManifest>& manifest) const;
  std::optional<Outcome> TakeCommit();

  const Options options_;
  Communicator& world_;
  Phase phase_ = Phase::kIdle;
  std::string folder_;       // of the save under way, with its temporary name
  CheckpointManifest head_;  // of it
  ShardSnapshot snapshot_;
  Outcome outcome_;  // so far
  double start_seconds_ = 0;
  // Last, so that they end before what they read goes.
  std::future<absl::StatusOr<CheckpointManifest>> shard_;
  std::future<Commit> commit_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_CHECKPOINT_WRITER_H_
