// The passes of a training step as a graph of the GPU: recorded once, launched
// every step, so that the host is not what the GPU waits for.
//
// The ledger, where there is one, sees such a step as one operation of the
// world: a rank that does not come to it is named, but not the collective
// within it that hangs.

#ifndef COGDIST_LAUNCHER_STEP_GRAPH_H_
#define COGDIST_LAUNCHER_STEP_GRAPH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "parallel/data_parallel.h"
#include "parallel/pipeline/pipeline.h"
#include "parallel/rank_context.h"
#include "parallel/stream_lane.h"
#include "runtime/gpu_stream.h"
#include "runtime/host_buffer.h"

namespace cogdist {

// One per rank; what it is given outlives it.
class StepGraph {
 public:
  struct Args {
    bool wanted;
    double timeout_seconds;  // of the watch over collectives
    RankContext& context;
    Pipeline& pipeline;
    DataParallel& data_parallel;
    HostBuffer marks;  // kMarksBytes
  };
  static constexpr int64_t kMarksBytes = sizeof(StreamLane::Marks);

  // Only where wanted, on a GPU, and not where faults are to be injected, which
  // the host does.
  explicit StepGraph(Args args);

  // Does what `enqueue` enqueues, the same in every step but for what is in
  // memory: the first two times by calling it, since workspaces and libraries
  // then take what they need; the third time it is recorded.
  absl::Status Run(absl::FunctionRef<void()> enqueue);

 private:
  static constexpr int kStepsBefore = 2;

  // Whether recording makes sense, the same on all ranks, which meet for it.
  bool AgreeToRecord();
  absl::Status Record(absl::FunctionRef<void()> enqueue);
  void Launch();
  // Nothing that follows on the compute stream needs an event of before.
  void Join();
  // Nor does what follows on the others.
  void Fork();

  bool used_;
  const double timeout_seconds_;
  Communicator& world_;
  Stream& compute_;
  std::vector<Stream*> others_;
  Pipeline& pipeline_;
  DataParallel& data_parallel_;
  HostBuffer marks_;
  std::optional<StreamLane> lane_;  // none without a ledger
  int steps_ = 0;
  double latest_start_ = 0;  // MonotonicSeconds(), of a step without the graph
  std::unique_ptr<GpuGraph> graph_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_STEP_GRAPH_H_
