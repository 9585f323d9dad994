// The place for faults in gradients: between a backward pass and the reduction.

#ifndef COGDIST_LAUNCHER_FAULT_HOOKS_H_
#define COGDIST_LAUNCHER_FAULT_HOOKS_H_

#include <cstdint>
#include <utility>

#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "parallel/unit_hooks.h"

namespace cogdist {

// Passes every call on to `next`; for one step. FaultPoint::kGradient is
// reached when the first backward pass has added to its unit's gradients,
// before `next` hears of it. What it refers to outlives it.
class FaultHooks : public UnitHooks {
 public:
  FaultHooks(RankContext& context, ParamStore& params, int64_t step,
             UnitHooks& next)
      : context_(context), params_(params), step_(step), next_(next) {}

  void Begin(ParamStore::UnitId unit, Pass pass) override {
    next_.Begin(unit, pass);
  }

  void End(ParamStore::UnitId unit, Pass pass) override {
    if (AddsGradients(pass) && !std::exchange(reached_, true)) {
      context_.fault.Reach(
          FaultPoint::kGradient, step_, context_.rank(),
          *context_.streams.compute,
          params_.unit_gradients(unit, {params_.unit_range(unit).begin, 1}));
    }
    next_.End(unit, pass);
  }

 private:
  RankContext& context_;
  ParamStore& params_;
  const int64_t step_;
  UnitHooks& next_;
  bool reached_ = false;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_FAULT_HOOKS_H_
