// The passes of a training step as a graph of the GPU: recorded once, launched
// every step, so that the host is not what the GPU waits for.

#ifndef COGDIST_LAUNCHER_STEP_GRAPH_H_
#define COGDIST_LAUNCHER_STEP_GRAPH_H_

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "parallel/data_parallel.h"
#include "parallel/pipeline/pipeline.h"
#include "parallel/rank_context.h"
#include "runtime/gpu_stream.h"

namespace cogdist {

// One per rank; what it is given outlives it.
class StepGraph {
 public:
  // Only where `wanted`, on a GPU. Not where faults are to be injected, which
  // the host does, nor where collectives are watched over (a ledger): launches
  // would repeat what the record noted of them, and a rank that hangs would not
  // be seen.
  StepGraph(bool wanted, RankContext& context, Pipeline& pipeline,
            DataParallel& data_parallel);

  // Does what `enqueue` enqueues, the same in every step but for what is in
  // memory: the first two times by calling it, since workspaces and libraries
  // then take what they need; the third time it is recorded.
  absl::Status Run(absl::FunctionRef<void()> enqueue);

 private:
  static constexpr int kStepsBefore = 2;

  absl::Status Record(absl::FunctionRef<void()> enqueue);
  // Nothing that follows on the compute stream needs an event of before.
  void Join();
  // Nor does what follows on the others.
  void Fork();

  const bool used_;
  Stream& compute_;
  std::vector<Stream*> others_;
  Pipeline& pipeline_;
  DataParallel& data_parallel_;
  int steps_ = 0;
  std::unique_ptr<GpuGraph> graph_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_STEP_GRAPH_H_
