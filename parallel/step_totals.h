// What all ranks have to agree on between the passes and the update of a step,
// in one exchange.

#ifndef COGDIST_PARALLEL_STEP_TOTALS_H_
#define COGDIST_PARALLEL_STEP_TOTALS_H_

#include <string>

#include "parallel/communicator.h"
#include "runtime/exact_sum.h"

namespace cogdist {

struct StepTotals {
  // Exact, so that the totals' bits do not depend on who has added what.
  ExactSum loss;     // over targets; each counted on one rank
  ExactSum squares;  // of gradients; each parameter counted on one rank
  // A tensor whose gradient is not finite; of several ranks' the first one's.
  std::string culprit;
  // Who or what asks for the run's stop, empty: nobody. Of several ranks' the
  // first one's.
  std::string stop_reason;

  // Adds those of another rank, in rank order.
  void Merge(const StepTotals& other);
};

// The totals of all ranks of `world`, the same on each. Blocks until all ranks
// are here.
StepTotals Total(Communicator& world, StepTotals mine);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_STEP_TOTALS_H_
