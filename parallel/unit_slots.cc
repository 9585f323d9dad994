#include "parallel/unit_slots.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<UnitSlots> UnitSlots::Allocate(Device& device, DType dtype,
                                              int slots, int64_t elements) {
  UnitSlots result;
  COG_ASSIGN_OR_RETURN(
      result.buffer_,
      Buffer::Allocate(device, slots * elements * SizeOf(dtype)));
  result.dtype_ = dtype;
  result.elements_ = elements;
  result.unit_in_slot_.assign(slots, -1);
  for (int slot = 0; slot < slots; ++slot) result.free_.push_back(slot);
  return result;
}

int UnitSlots::Take(int unit) {
  COG_CHECK(!full(), "no slot is free for unit ", unit);
  COG_CHECK(!Has(unit), "unit ", unit, " has a slot");
  const int slot = free_.front();
  free_.pop_front();
  unit_in_slot_[slot] = unit;
  return slot;
}

int UnitSlots::Return(int unit) {
  const int slot = SlotOf(unit);
  COG_CHECK_GE(slot, 0);
  unit_in_slot_[slot] = -1;
  free_.push_back(slot);
  return slot;
}

TensorView UnitSlots::View(int unit, int64_t begin, int64_t count) const {
  const int slot = SlotOf(unit);
  COG_CHECK(slot >= 0, "unit ", unit, " is used outside of its Begin and End");
  return SlotView(slot, begin, count);
}

TensorView UnitSlots::SlotView(int slot, int64_t begin, int64_t count) const {
  COG_CHECK_LE(begin + count, elements_);
  return buffer_.View(dtype_).Slice(0, slot * elements_ + begin, count);
}

int UnitSlots::SlotOf(int unit) const {
  const auto found =
      std::find(unit_in_slot_.begin(), unit_in_slot_.end(), unit);
  return found == unit_in_slot_.end()
             ? -1
             : static_cast<int>(found - unit_in_slot_.begin());
}

}  // namespace cogdist
