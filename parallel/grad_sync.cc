#include "parallel/grad_sync.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "kernels/elementwise.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

SumOrder OrderFor(const ParamStore& params, const Communicator& group) {
  // Pairs need a power of two.
  return params.lanes() > 0 &&
                 std::has_single_bit(static_cast<unsigned>(group.size()))
             ? SumOrder::kPairwise
             : SumOrder::kRing;
}

}  // namespace

int GradientLanes(int64_t global_batch_size) {
  constexpr int kMostLanes = 64;
  int lanes = 1;
  while (lanes < kMostLanes && global_batch_size % (2 * lanes) == 0) lanes *= 2;
  return lanes;
}

GradSync::GradSync(const ReplicaSyncArgs& args)
    : args_(args),
      params_(args.params),
      order_(OrderFor(args.params, args.replicas)),
      passes_(params_.num_units()),
      collected_(params_.num_units()),
      pending_(params_.gradient_slots().size()) {}

void GradSync::BeginStep(int micro_batches) {
  COG_CHECK_GE(micro_batches, 1);
  if (params_.lanes() > 0) COG_CHECK_EQ(micro_batches % params_.lanes(), 0);
  micro_batches_ = micro_batches;
  std::fill(passes_.begin(), passes_.end(), 0);
  std::fill(collected_.begin(), collected_.end(), false);
}

void GradSync::Begin(ParamStore::UnitId unit) {
  const int pass = passes_[unit];
  COG_CHECK_LT(pass, micro_batches_);
  if (params_.gradient_slots()) return BeginInSlot(unit);
  if (params_.lanes() > 0) {
    const int lane_length = micro_batches_ / params_.lanes();
    if (pass % lane_length != 0) return;
    const unsigned lane = pass / lane_length;
    params_.set_gradient_buffer(unit, std::popcount(lane));
  } else if (pass > 0) {
    return;
  }
  FillZero(args_.compute,
           params_.unit_gradients(unit, params_.unit_range(unit)));
}

void GradSync::End(ParamStore::UnitId unit) {
  const int passes = ++passes_[unit];
  if (params_.gradient_slots()) return EndInSlot(unit);
  if (params_.lanes() > 0) {
    const int lane_length = micro_batches_ / params_.lanes();
    if (passes % lane_length == 0) EndLane(unit, passes / lane_length - 1);
  }
  if (passes < micro_batches_) return;
  params_.set_gradient_buffer(unit, 0);
  if (overlap_) {
    Send(unit);
  } else {
    waiting_.push_back(unit);
  }
}

void GradSync::BeginInSlot(ParamStore::UnitId unit) {
  Collect(params_.gradient_slots().Take(unit));
  FillZero(args_.compute,
           params_.unit_gradients(unit, params_.unit_range(unit)));
}

void GradSync::EndInSlot(ParamStore::UnitId unit) {
  Send(unit);
  const int slot = params_.gradient_slots().Return(unit);
  pending_[slot] = {.unit = unit, .done = args_.communication.Record()};
  sent_slots_.push_back(slot);
  if (!overlap_) args_.timer.Wait(pending_[slot].done);
}

void GradSync::Collect(int slot) {
  const Pending pending = std::exchange(pending_[slot], {});
  if (pending.unit < 0) return;
  std::erase(sent_slots_, slot);
  args_.timer.Wait(pending.done);
  const int64_t begin = params_.unit_range(pending.unit).begin;
  for (const UnitSegment& segment : params_.segments(pending.unit)) {
    const ElementRange part = segment.part(params_.replica());
    const TensorView sum = params_.gradients(part);
    const TensorView arrived =
        params_.gradient_slots().SlotView(slot, part.begin - begin, part.count);
    if (collected_[pending.unit]) {
      Add(args_.compute, {.y = sum, .x = arrived});
    } else {
      Copy(args_.compute, sum, arrived);
    }
  }
  collected_[pending.unit] = true;
}

void GradSync::EndLane(ParamStore::UnitId unit, unsigned lane) {
  const ElementRange range = params_.unit_range(unit);
  int buffer = std::popcount(lane);
  for (int pairs = std::countr_one(lane); pairs > 0; --pairs, --buffer) {
    Add(args_.compute, {.y = params_.gradient_buffer(buffer - 1, range),
                        .x = params_.gradient_buffer(buffer, range)});
  }
}

void GradSync::Send(ParamStore::UnitId unit) {
  args_.timer.Begin();
  args_.communication.Wait(args_.compute.Record());
  if (params_.zero_stage() == 0) {
    args_.replicas.AllReduceSum(
        args_.communication,
        params_.unit_gradients(unit, params_.unit_range(unit)), order_);
    return;
  }
  for (const UnitSegment& segment : params_.segments(unit)) {
    args_.replicas.ReduceScatterSum(args_.communication,
                                    params_.unit_gradients(unit, segment.range),
                                    segment.borders, order_);
  }
}

void GradSync::Finish() {
  for (const ParamStore::UnitId unit : std::exchange(waiting_, {})) Send(unit);
  while (!sent_slots_.empty()) Collect(sent_slots_.front());
  SumCopies();
  args_.timer.WaitForAll();
  SumTied();
}

void GradSync::SumCopies() {
  // On the stream of the sums that they follow. Ranks of a group have the same
  // order of their shared tensors; a table tied to another pipeline stage is
  // the only one that groups of two stages see.
  args_.communication.Wait(args_.compute.Record());
  for (const ParamStore::Tensor& tensor : params_.tensors()) {
    const NamedTensor::Copies& copies = tensor.named.copies;
    const ElementRange owned = params_.owned(tensor);
    if (copies.group == nullptr || !copies.partial_gradients) continue;
    if (copies.group->size() == 1 || owned.count == 0) continue;
    args_.timer.Begin();
    copies.group->AllReduceSum(args_.communication, params_.gradients(owned),
                               OrderFor(params_, *copies.group));
  }
}

void GradSync::SumTied() {
  for (const ParamStore::Tensor& tensor : params_.tensors()) {
    if (!tensor.tied_to.has_value()) continue;
    const ParamStore::Tensor& first = params_.tensors()[*tensor.tied_to];
    const TensorView sum = params_.gradients(params_.owned(first));
    const TensorView copy = params_.gradients(params_.owned(tensor));
    Add(args_.compute, {.y = sum, .x = copy});
    Copy(args_.compute, copy, sum);
  }
}

void GradSync::SendForTiming(ParamStore::UnitId unit) {
  UnitSlots& slots = params_.gradient_slots();
  if (slots) slots.Take(unit);
  Send(unit);
  if (slots) slots.Return(unit);
}

}  // namespace cogdist
