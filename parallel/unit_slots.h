// Memory that units take in turn: whole weights while a pass reads them, whole
// gradients while a pass adds to them.

#ifndef COGDIST_PARALLEL_UNIT_SLOTS_H_
#define COGDIST_PARALLEL_UNIT_SLOTS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/tensor.h"

namespace cogdist {

// Book-keeping only: when a slot's memory may be written again is known to
// whoever gives it back.
class UnitSlots {
 public:
  // No slots.
  UnitSlots() = default;
  // `slots` of `elements` each.
  static absl::StatusOr<UnitSlots> Allocate(Device& device, DType dtype,
                                            int slots, int64_t elements);

  explicit operator bool() const { return !unit_in_slot_.empty(); }
  int size() const { return unit_in_slot_.size(); }
  int64_t bytes() const { return buffer_.bytes(); }

  bool Has(int unit) const { return SlotOf(unit) >= 0; }
  bool full() const { return free_.empty(); }
  // Gives `unit` the slot that has been free for the longest time, and returns
  // its number. REQUIRES: !full() && !Has(unit).
  int Take(int unit);
  // The slot is free again; returns its number. REQUIRES: Has(unit).
  int Return(int unit);
  // The unit's elements [begin, begin + count). REQUIRES: Has(unit).
  TensorView View(int unit, int64_t begin, int64_t count) const;
  // Likewise what a slot holds, in use or not.
  TensorView SlotView(int slot, int64_t begin, int64_t count) const;

 private:
  int SlotOf(int unit) const;  // -1: none

  Buffer buffer_;
  DType dtype_ = DType::kFloat32;
  int64_t elements_ = 0;
  std::vector<int> unit_in_slot_;  // -1: free
  std::deque<int> free_;           // longest free first
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_UNIT_SLOTS_H_
