// The hooks around every use of a unit, for ranks that hold the same
// parameters: weights are brought together, gradients are summed, both beside
// the computation.

#ifndef COGDIST_PARALLEL_DATA_PARALLEL_H_
#define COGDIST_PARALLEL_DATA_PARALLEL_H_

#include <cstdint>

#include "parallel/grad_sync.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "parallel/traffic_timer.h"
#include "parallel/unit_hooks.h"
#include "parallel/weight_sync.h"

namespace cogdist {

// One per rank; used by its thread. Each step:
//   BeginStep();
//   forward and backward passes of all micro-batches call Begin() and End();
//   FinishGradients();
//   the optimizer updates what this rank owns;
//   WeightsUpdated(), unless the update was skipped.
class DataParallel : public UnitHooks {
 public:
  // `params` has been allocated for context.groups.replicas. Both outlive it.
  DataParallel(ParamStore& params, RankContext& context);
  // Waits for traffic that is under way, so that the store may go afterwards.
  ~DataParallel() override { context_.streams.replicas->Synchronize(); }
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  // Between steps, on all ranks alike. false: nothing is sent beside the
  // computation, for comparison.
  void set_overlap(bool overlap);

  // In which every unit sees `micro_batches` backward passes.
  void BeginStep(int micro_batches);
  void Begin(ParamStore::UnitId unit, Pass pass) override;
  void End(ParamStore::UnitId unit, Pass pass) override;
  // The compute stream waits for the sums, and sees the owned gradients.
  void FinishGradients();
  void WeightsUpdated() { weights_.Updated(); }

  // Forward passes that follow are an evaluation. Not needed, but faster.
  void BeginEvaluation() { weights_.BeginEvaluation(); }
  // For readers of weights that do not come through the hooks.
  void WaitForWeights() { weights_.WaitAll(); }
  // The compute stream has waited for all that was enqueued, between steps.
  void Forget() { weights_.Forget(); }

  struct Stats {
    int64_t bytes = 0;  // that this rank has sent to replicas
    // In which replicas' traffic was under way.
    double total_seconds = 0;
    // The part of it in which the computation stood still; the rest was hidden.
    double exposed_seconds = 0;
  };
  // From one FinishGradients() to the next: of a step, and of the weights'
  // gathering before it. Seconds are 0 where streams run by themselves.
  const Stats& stats() const { return stats_; }

  // How long the traffic of the last step takes with no computation beside it.
  // Collective over the replicas, between steps; gradients are lost.
  double SecondsAlone();

 private:
  RankContext& context_;
  ParamStore& params_;
  TrafficTimer timer_;
  GradSync gradients_;
  WeightSync weights_;
  int micro_batches_ = 1;
  int64_t bytes_before_ = 0;
  Stats stats_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_DATA_PARALLEL_H_
