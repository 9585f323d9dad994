// What surrounds the use of a unit's parameters in a pass over the network.
// Models call it; behind it weights are gathered and gradients reduced.

#ifndef COGDIST_PARALLEL_UNIT_HOOKS_H_
#define COGDIST_PARALLEL_UNIT_HOOKS_H_

#include "parallel/param_store.h"

namespace cogdist {

// What a pass does with a unit's parameters.
enum class Pass {
  kForward,   // reads the weights
  kBackward,  // reads the weights and adds to the gradients
  kGradient,  // adds to the gradients: the backward pass of a look-up
};

constexpr bool ReadsWeights(Pass pass) { return pass != Pass::kGradient; }
constexpr bool AddsGradients(Pass pass) { return pass != Pass::kForward; }

// Called by the rank's thread, in the order of the work that is enqueued on the
// compute stream. Begin and End of a unit come in pairs; several units may be
// in use at a time.
class UnitHooks {
 public:
  virtual ~UnitHooks() = default;

  // Work that follows uses the unit as `pass` says.
  virtual void Begin(ParamStore::UnitId /*unit*/, Pass /*pass*/) {}
  // That work has been enqueued. A pass that adds to the gradients has added
  // all that one micro-batch gives.
  virtual void End(ParamStore::UnitId /*unit*/, Pass /*pass*/) {}
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_UNIT_HOOKS_H_
