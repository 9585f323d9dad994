// Brings the weights that ranks own together (ZeRO): at stages 1 and 2 once
// after each update, beside the next forward pass; at stage 3 for each use of a
// unit, one use ahead.

#ifndef COGDIST_PARALLEL_WEIGHT_SYNC_H_
#define COGDIST_PARALLEL_WEIGHT_SYNC_H_

#include <vector>

#include "parallel/param_store.h"
#include "parallel/replica_sync.h"
#include "parallel/unit_order.h"
#include "runtime/stream.h"

namespace cogdist {

// One per rank; used by its thread. At stage 0 it does nothing.
class WeightSync {
 public:
  // All ranks of a group use units in the same order.
  explicit WeightSync(const ReplicaSyncArgs& args);

  // Between steps. false: nothing is sent beside the computation.
  void set_overlap(bool overlap) { overlap_ = overlap; }

  // Uses that follow are a training step, or an evaluation: what they use next
  // is foreseen from the last one.
  void BeginStep();
  void BeginEvaluation();

  // ParamStore::weight() of the unit is there for work that follows. Uses of a
  // unit may nest.
  void Begin(ParamStore::UnitId unit);
  // That work has been enqueued.
  void End(ParamStore::UnitId unit);

  // The owned parts have been updated, on the compute stream.
  void Updated();
  // Weights of all units are there, at stages 0 to 2.
  void WaitAll();
  // Nothing that was enqueued so far matters to what follows: the compute
  // stream has waited for it. Gives up what was fetched ahead.
  void Forget();

  // Enqueues the gathering of a unit as one use or update does it, for timing.
  void SendForTiming(ParamStore::UnitId unit);

 private:
  // Gives the unit a slot with the owned parts in it, and gathers it.
  void Fetch(ParamStore::UnitId unit);
  void FetchNext(ParamStore::UnitId used);
  void TakeSlot(ParamStore::UnitId unit);
  // Was fetched and has not come.
  bool IsForeseen(ParamStore::UnitId unit) const;
  void Gather(ParamStore::UnitId unit);

  const ReplicaSyncArgs args_;
  bool overlap_ = true;
  ParamStore& params_;
  std::vector<Event> gathered_;  // by unit
  std::vector<int> uses_;        // by unit: Begin() without End()
  UnitOrder step_;
  UnitOrder evaluation_;
  UnitOrder* order_ = nullptr;  // null until one begins
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_WEIGHT_SYNC_H_
