#include "launcher/activation_memory.h"

#include <utility>

#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<ActivationMemory>> ActivationMemory::Create(
    Device& device, const ActivationPlan& plan) {
  COG_ASSIGN_OR_RETURN(Arena scratch,
                       Arena::Create(device, plan.scratch_bytes));
  COG_ASSIGN_OR_RETURN(Arena common, Arena::Create(device, plan.common_bytes));
  auto memory = std::unique_ptr<ActivationMemory>(
      new ActivationMemory(std::move(scratch), std::move(common)));
  for (int i = 0; i < plan.slots; ++i) {
    COG_ASSIGN_OR_RETURN(
        Arena slot,
        Arena::CreateWithSpill(device, plan.slot_bytes, memory->scratch_));
    memory->slots_.push_back(std::move(slot));
  }
  return memory;
}

std::unique_ptr<ActivationMemory> ActivationMemory::ForPlanning(
    int64_t slot_bytes) {
  auto memory = std::unique_ptr<ActivationMemory>(
      new ActivationMemory(Arena::ForPlanning(), Arena::ForPlanning()));
  memory->slots_.push_back(
      Arena::ForPlanningWithSpill(slot_bytes, memory->scratch_));
  return memory;
}

}  // namespace cogdist
