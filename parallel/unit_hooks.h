// What surrounds the use of a unit's parameters in a pass over the network.
// Models call it; behind it weights are gathered and gradients reduced.

#ifndef COGDIST_PARALLEL_UNIT_HOOKS_H_
#define COGDIST_PARALLEL_UNIT_HOOKS_H_

#include "parallel/param_store.h"

namespace cogdist {

enum class Pass { kForward, kBackward };

// Called by the rank's thread, in the order of the work that is enqueued on the
// compute stream. Begin and End of a unit come in pairs; several units may be
// in use at a time.
class UnitHooks {
 public:
  virtual ~UnitHooks() = default;

  // Work that follows reads the unit's weights; in a backward pass it also adds
  // to the unit's gradients.
  virtual void Begin(ParamStore::UnitId /*unit*/, Pass /*pass*/) {}
  // That work has been enqueued. A backward pass has added all that one
  // micro-batch gives to the unit's gradients.
  virtual void End(ParamStore::UnitId /*unit*/, Pass /*pass*/) {}
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_UNIT_HOOKS_H_
