#include "parallel/weight_sync.h"

#include <optional>

#include "kernels/cast.h"
#include "runtime/check.h"

namespace cogdist {

WeightSync::WeightSync(const ReplicaSyncArgs& args)
    : args_(args),
      params_(args.params),
      gathered_(params_.num_units()),
      uses_(params_.num_units()) {}

void WeightSync::BeginStep() {
  order_ = &step_;
  order_->Restart();
}

void WeightSync::BeginEvaluation() {
  order_ = &evaluation_;
  order_->Restart();
}

void WeightSync::Begin(ParamStore::UnitId unit) {
  if (!params_.weight_slots()) return args_.timer.Wait(gathered_[unit]);
  if (uses_[unit]++ == 0) {
    if (!params_.weight_slots().Has(unit)) Fetch(unit);
    args_.timer.Wait(gathered_[unit]);
  }
  FetchNext(unit);
}

void WeightSync::End(ParamStore::UnitId unit) {
  if (!params_.weight_slots()) return;
  COG_CHECK_GT(uses_[unit], 0);
  if (--uses_[unit] == 0) params_.weight_slots().Return(unit);
}

void WeightSync::FetchNext(ParamStore::UnitId used) {
  if (order_ == nullptr) return;
  const std::optional<ParamStore::UnitId> next = order_->Next(used);
  if (!overlap_ || !next.has_value()) return;
  const UnitSlots& slots = params_.weight_slots();
  // One that is in use will be given back before its next use, or not at all.
  if (!slots.Has(*next) && !slots.full()) Fetch(*next);
}

void WeightSync::Fetch(ParamStore::UnitId unit) {
  TakeSlot(unit);
  for (const UnitSegment& segment : params_.segments(unit)) {
    const ElementRange part = segment.part(params_.replica());
    // After whatever has read the slot: that was on this stream, too.
    Cast(args_.compute, {.to = params_.unit_weights(unit, part),
                         .from = params_.master(part)});
  }
  Gather(unit);
}

void WeightSync::TakeSlot(ParamStore::UnitId unit) {
  UnitSlots& slots = params_.weight_slots();
  // A unit that was foreseen and has not come gives way.
  for (ParamStore::UnitId i = 0; slots.full() && i < params_.num_units(); ++i) {
    if (!IsForeseen(i)) continue;
    args_.timer.Wait(gathered_[i]);
    slots.Return(i);
  }
  slots.Take(unit);
}

bool WeightSync::IsForeseen(ParamStore::UnitId unit) const {
  const UnitSlots& slots = params_.weight_slots();
  return slots && slots.Has(unit) && uses_[unit] == 0;
}

void WeightSync::Gather(ParamStore::UnitId unit) {
  args_.timer.Begin();
  args_.communication.Wait(args_.compute.Record());
  for (const UnitSegment& segment : params_.segments(unit)) {
    args_.replicas.AllGather(args_.communication,
                             params_.unit_weights(unit, segment.range),
                             segment.borders);
  }
  gathered_[unit] = args_.communication.Record();
}

void WeightSync::Updated() {
  if (params_.zero_stage() == 0 || params_.weight_slots()) return;
  for (ParamStore::UnitId unit = 0; unit < params_.num_units(); ++unit) {
    Gather(unit);
  }
  if (!overlap_) WaitAll();
}

void WeightSync::WaitAll() {
  if (params_.weight_slots()) return;
  for (const Event& event : gathered_) args_.timer.Wait(event);
}

void WeightSync::Forget() {
  for (ParamStore::UnitId unit = 0; unit < params_.num_units(); ++unit) {
    gathered_[unit] = Event();
    if (IsForeseen(unit)) params_.weight_slots().Return(unit);
  }
}

void WeightSync::SendForTiming(ParamStore::UnitId unit) {
  if (params_.zero_stage() == 0) return;
  const bool slots = static_cast<bool>(params_.weight_slots());
  if (slots) TakeSlot(unit);
  Gather(unit);
  if (slots) params_.weight_slots().Return(unit);
}

}  // namespace cogdist
