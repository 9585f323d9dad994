// When a run's checkpoints are written, and what is told of them.
//
// Each is written in the background while training goes on, unless
// checkpoint.async is off. One that is due while another is still being written
// waits for that one, and training with it: no checkpoint is left out, and a
// disk that is too slow for the schedule shows in the log.

#ifndef COGDIST_LAUNCHER_CHECKPOINTING_H_
#define COGDIST_LAUNCHER_CHECKPOINTING_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/checkpoint_writer.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "proto/checkpoint.pb.h"
#include "proto/run_config.pb.h"
#include "runtime/file_system.h"

namespace cogdist {

// One per rank, all calls by its main thread. Collective: all ranks make the
// same calls, and get the same statuses. Aborted is always that another attempt
// owns the run, which must end then.
class Checkpointing {
 public:
  // A line for people; `warning`: something is wrong, but training goes on.
  using Tell = std::function<void(bool warning, absl::string_view line)>;

  struct Args {
    FileSystem& files;
    const RunConfig& config;  // resolved; outlives it
    RankContext& context;     // outlives it
    std::string attempt;      // from BeginAttempt()
    // The checkpoint of this run that it goes on from, if any.
    int64_t restored_step = -1;
    std::string restored_path;
    Tell tell;
    // Between looks at who owns the run.
    double look_every_seconds = 10;
  };
  explicit Checkpointing(const Args& args);

  // After each step but the last, with what it has led to: writes a checkpoint
  // where one is due, and brings the one under way forward. A write that fails
  // is told of and is no error.
  absl::Status AfterStep(const ParamStore& params,
                         const CheckpointTrainState& state);

  // Writes one now, unless the run has one of this step, and waits until it is
  // durable. The status is that of this checkpoint, or Aborted.
  absl::Status WriteNow(const ParamStore& params,
                        const CheckpointTrainState& state);

  // Waits for the one under way, if any. The status is the writer's.
  absl::Status Wait();

  // Aborted if another attempt has taken over by now.
  absl::Status CheckOwnership();

  // Whether rank 0 has seen that, looking now and then; false on other ranks.
  // Not collective: for a request to stop, which all ranks learn of.
  bool SeenTakenOver();

  // Of the newest checkpoint that is known to be durable; empty: none.
  const std::string& newest_path() const { return newest_path_; }

 private:
  bool Due(int64_t step) const;
  void Start(const ParamStore& params, const CheckpointTrainState& state);
  // Tells how a write has ended.
  absl::Status Take(const CheckpointWriter::Outcome& outcome);
  CheckpointManifest Head(const CheckpointTrainState& state) const;

  Args args_;
  CheckpointWriter writer_;
  int64_t newest_step_;
  std::string newest_path_;
  double waited_seconds_ = 0;  // of training, for the write under way
  double looked_at_;           // the owner, a time of MonotonicSeconds()
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CHECKPOINTING_H_
