// Sums gradients over micro-batches and over the ranks that hold the same
// parameters, while the backward pass still computes others. A unit is sent as
// soon as it is complete, on a stream of its own:
//
//   stage 0     once a step, all-reduced
//   stage 1     once a step, each rank gets its owned parts
//   stage 2, 3  after every micro-batch, from a slot, likewise; the owned parts
//               add up
//
// LAYOUT_INVARIANT mode (ParamStore lanes): the bits do not depend on how many
// replicas there are. This rank's micro-batches, of one sequence each, are cut
// into lanes of equal length. A lane is summed in order; lanes are added
// pairwise, neighbours first, like the carries of a binary counter, and
// replicas go on in the same order (SumOrder::kPairwise). Every stage then
// sends once a step.

#ifndef COGDIST_PARALLEL_GRAD_SYNC_H_
#define COGDIST_PARALLEL_GRAD_SYNC_H_

#include <vector>

#include "parallel/param_store.h"
#include "parallel/reduction.h"
#include "parallel/replica_sync.h"
#include "runtime/stream.h"

namespace cogdist {

// Lanes of all ranks together: the largest power of two that divides the global
// batch, at most 64. Each data-parallel rank has its even share of them.
int GradientLanes(int64_t global_batch_size);

// One per rank; used by its thread.
class GradSync {
 public:
  // All ranks of a group see units end in the same order.
  explicit GradSync(const ReplicaSyncArgs& args);

  // Between steps. false: nothing is sent beside the computation.
  void set_overlap(bool overlap) { overlap_ = overlap; }

  // Every unit will see so many backward passes, each in Begin() and End().
  void BeginStep(int micro_batches);
  // ParamStore::gradient() is ready to be added to: zero, or what the micro-
  // batches before have given.
  void Begin(ParamStore::UnitId unit);
  // One micro-batch has been added.
  void End(ParamStore::UnitId unit);
  // Waits for all sums, and adds what several ranks of a layer have parts of
  // (NamedTensor::Copies) and tied tensors. Then ParamStore::gradients() holds
  // the sums of what this rank owns.
  void Finish();

  // Enqueues what a unit sends at a time, on whatever is in memory: for timing.
  void SendForTiming(ParamStore::UnitId unit);

 private:
  // A slot whose sums are on their way to the owned parts.
  struct Pending {
    ParamStore::UnitId unit = -1;  // none
    Event done;
  };

  void BeginInSlot(ParamStore::UnitId unit);
  void EndInSlot(ParamStore::UnitId unit);
  // Adds this rank's parts of what has arrived in a slot.
  void Collect(int slot);
  // Adds the lane that has just ended to those before, as far as pairs go.
  void EndLane(ParamStore::UnitId unit, unsigned lane);
  // Enqueues the reduction over replicas.
  void Send(ParamStore::UnitId unit);
  void SumCopies();
  void SumTied();

  const ReplicaSyncArgs args_;
  bool overlap_ = true;
  ParamStore& params_;
  const SumOrder order_;
  int micro_batches_ = 1;
  std::vector<int> passes_;                  // by unit, in this step
  std::vector<bool> collected_;              // by unit: its sum has begun
  std::vector<Pending> pending_;             // by slot
  std::vector<int> sent_slots_;              // those of them in order
  std::vector<ParamStore::UnitId> waiting_;  // to be sent in Finish()
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_GRAD_SYNC_H_
