// Runs a rank's stage through a pipeline: carries out its schedule, and moves
// activations forward and their gradients back between the ranks while they
// compute. With one rank it is the plain loop over micro-batches.
//
//   COG_ASSIGN_OR_RETURN(auto pipeline, Pipeline::Create({...}));
//   ... as many places for saved activations as pipeline->num_slots() ...
//   pipeline->Train(stage);            // one step's passes
//   pipeline->Evaluate(stage, count);  // forward passes alone

#ifndef COGDIST_PARALLEL_PIPELINE_PIPELINE_H_
#define COGDIST_PARALLEL_PIPELINE_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/communicator.h"
#include "parallel/pipeline/link.h"
#include "parallel/pipeline/schedule.h"
#include "parallel/pipeline/stage.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// One per rank, used by its thread only.
class Pipeline {
 public:
  struct Args {
    Communicator& group;  // the pipeline's ranks, by depth
    Stream& compute;      // where the stage enqueues its work
    // The tensor between two chunks, e.g. [rows, hidden] of a micro-batch.
    Shape boundary;
    DType dtype = DType::kFloat32;
    int chunks = 1;         // a rank
    int micro_batches = 1;  // a training step
  };
  // Allocates all buffers. Collective: called by all ranks of the group, which
  // it splits, so that no other traffic of the group meets its own. The compute
  // stream, and its device, outlive the pipeline; the group need not. Several
  // chunks on a single rank are INVALID_ARGUMENT, and a device on which
  // messages wait for each other is FAILED_PRECONDITION.
  static absl::StatusOr<std::unique_ptr<Pipeline>> Create(const Args& args);
  // Collective, too.
  ~Pipeline();

  // Forward and backward passes of a step. Enqueues on the compute stream; the
  // last sends may go on afterwards.
  void Train(Stage& stage);
  // Forward passes of `micro_batches`, which need not be those of a step.
  void Evaluate(Stage& stage, int micro_batches);

  // Those of its links.
  std::vector<Stream*> streams() const;
  // The compute stream has waited for all that was enqueued, between calls.
  void Forget();
  // Whether Train() may be recorded as a graph on this rank's device. Messages
  // that wait for each other to end would wait without end.
  bool MayBeRecorded() const;

  const PipelineShape& shape() const { return shape_; }
  int rank() const { return rank_; }
  // Places for saved activations that Train() uses.
  int num_slots() const { return NumSlots(training_); }

  // Device memory for tensors in transit and inputs kept for backward passes.
  int64_t buffer_bytes() const;
  // Scratch memory that its streams have taken so far.
  int64_t workspace_bytes() const;
  // Bytes sent since the start.
  Traffic traffic() const;

  struct Stats {
    double total_seconds = 0;
    // Part of it in which this rank had to wait for its neighbours. On rank 0,
    // which ends last, this is the idle time of the pipeline; later ranks
    // return before the step's end and leave out the rest of theirs.
    double waited_seconds = 0;
  };
  // Of the last Train() or Evaluate(). On a host: elsewhere the calls return
  // before the work is done, and nothing is waited for.
  const Stats& stats() const { return stats_; }

 private:
  using Schedule = std::vector<PipelineAction>;
  enum class Mode { kTrain, kEvaluate };

  Pipeline(const Args& args, const PipelineShape& shape, int rank);
  // One that groups of two share; null for a rank that has no such neighbour.
  struct Neighbours {
    Communicator* before = nullptr;
    Communicator* after = nullptr;
  };
  // Communicators of two for messages of each rank to the one `step` after it,
  // but for those of rank `last`, where there is one.
  absl::StatusOr<Neighbours> Connect(Communicator& group, int step,
                                     std::optional<int> last,
                                     absl::string_view name);
  absl::Status CreateLinks(const Args& args);

  void Run(const Schedule& schedule, Stage& stage, Mode mode);
  // Posts the receive that `action` needs, if any.
  void PostReceive(const PipelineAction& action);
  void Forward(const PipelineAction& action, Stage& stage, Mode mode);
  void Backward(const PipelineAction& action, Stage& stage);
  double WaitedSeconds() const;

  const PipelineShape shape_;
  const int rank_;
  const Schedule training_;
  // To neighbours, in the order in which they were made.
  std::vector<std::unique_ptr<Communicator>> channels_;
  // Activations from the rank before to the rank after; gradients the other
  // way. The ring is closed where ranks have several chunks.
  std::unique_ptr<PipelineLink> activations_;
  std::unique_ptr<PipelineLink> gradients_;
  std::vector<TensorView> inputs_;  // by slot
  Stats stats_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PIPELINE_PIPELINE_H_
