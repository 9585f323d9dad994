#include "parallel/pipeline/schedule.h"

#include <algorithm>

#include "parallel/partition.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

using Kind = PipelineAction::Kind;

int NumGroups(const PipelineShape& shape) {
  return std::max(1, shape.micro_batches / shape.ranks);
}

int LargestGroup(const PipelineShape& shape) {
  const int groups = NumGroups(shape);
  return (shape.micro_batches + groups - 1) / groups;
}

// Forward passes of `rank` before the first pair of a forward and a backward
// pass.
int WarmUp(const PipelineShape& shape, int rank) {
  const int all = shape.chunks * shape.micro_batches;
  const int ranks_after = shape.ranks - 1 - rank;
  if (shape.chunks == 1) return std::min(ranks_after, all);
  if (shape.micro_batches < shape.ranks) return all;
  return std::min(2 * ranks_after + (shape.chunks - 1) * LargestGroup(shape),
                  all);
}

void CheckShape(const PipelineShape& shape) {
  COG_CHECK_GE(shape.ranks, 1);
  COG_CHECK_GE(shape.chunks, 1);
  COG_CHECK_GE(shape.micro_batches, 1);
}

// Gives every forward pass the lowest place that is free.
void AssignSlots(const PipelineShape& shape,
                 std::vector<PipelineAction>& schedule) {
  std::vector<int> slots(shape.chunks * shape.micro_batches);
  std::vector<bool> taken;
  for (PipelineAction& action : schedule) {
    int& slot = slots[action.chunk * shape.micro_batches + action.micro_batch];
    if (action.kind == Kind::kForward) {
      slot = std::find(taken.begin(), taken.end(), false) - taken.begin();
      if (slot == static_cast<int>(taken.size())) taken.push_back(false);
    }
    taken[slot] = action.kind == Kind::kForward;
    action.slot = slot;
  }
}

}  // namespace

std::vector<PipelineAction> EvaluationSchedule(const PipelineShape& shape) {
  CheckShape(shape);
  const int groups = NumGroups(shape);
  std::vector<PipelineAction> schedule;
  for (int group = 0; group < groups; ++group) {
    const ElementRange batches = EvenPart(shape.micro_batches, groups, group);
    for (int chunk = 0; chunk < shape.chunks; ++chunk) {
      for (int64_t i = batches.begin; i < batches.end(); ++i) {
        schedule.push_back(
            {.chunk = chunk, .micro_batch = static_cast<int>(i)});
      }
    }
  }
  return schedule;
}

std::vector<PipelineAction> TrainingSchedule(const PipelineShape& shape,
                                             int rank) {
  COG_CHECK(rank >= 0 && rank < shape.ranks, "no rank ", rank);
  const std::vector<PipelineAction> forward = EvaluationSchedule(shape);
  const int all = forward.size();
  const int ahead = WarmUp(shape, rank);
  std::vector<PipelineAction> schedule;
  for (int i = 0; i < all + ahead; ++i) {
    if (i < all) schedule.push_back(forward[i]);
    if (i < ahead) continue;
    // Backward passes come in the forward order, the chunks reversed.
    PipelineAction action = forward[i - ahead];
    action.kind = Kind::kBackward;
    action.chunk = shape.chunks - 1 - action.chunk;
    schedule.push_back(action);
  }
  AssignSlots(shape, schedule);
  return schedule;
}

int NumSlots(absl::Span<const PipelineAction> schedule) {
  int slots = 0;
  for (const PipelineAction& action : schedule) {
    slots = std::max(slots, action.slot + 1);
  }
  return slots;
}

PipelineBuffers BuffersOf(const PipelineShape& shape, int rank) {
  const std::vector<PipelineAction> schedule = TrainingSchedule(shape, rank);
  const int actions = schedule.size();
  // Inputs held while action i runs: that of action i + 1 is on its way.
  int held = 0;
  int most_held = 0;
  const auto changes_if = [&](int i, Kind kind) -> int {
    return i < actions && schedule[i].kind == kind &&
           !shape.IsFirst(rank, schedule[i].chunk);
  };
  held += changes_if(0, Kind::kForward);
  for (int i = 0; i < actions; ++i) {
    held += changes_if(i + 1, Kind::kForward);
    most_held = std::max(most_held, held);
    held -= changes_if(i, Kind::kBackward);
  }
  const bool receives = !shape.IsFirst(rank, shape.chunks - 1);
  const bool sends = !shape.IsLast(rank, 0);
  // From the last rank round to the first, messages of a group larger than the
  // ring lie until the first rank is through with the group.
  const int sending = 2 + std::max(0, LargestGroup(shape) - shape.ranks);
  const int in_transit = shape.chunks == 1 ? 2 : sending;
  // Two inputs are enough for an evaluation.
  return {.inputs = receives ? std::max(2, most_held) : 0,
          .outputs = sends ? in_transit : 0,
          .d_outputs = sends ? 2 : 0,
          .d_inputs = receives ? in_transit : 0};
}

}  // namespace cogdist
