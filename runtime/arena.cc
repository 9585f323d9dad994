#include "runtime/arena.h"

#include <algorithm>

namespace cogdist {

absl::StatusOr<Arena> Arena::Create(Device& device, int64_t capacity) {
  COG_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(device, capacity));
  char* const base = static_cast<char*>(buffer.data());
  return Arena(std::move(buffer), base, capacity);
}

absl::StatusOr<Arena> Arena::CreateWithSpill(Device& device, int64_t capacity,
                                             Arena& spill) {
  COG_ASSIGN_OR_RETURN(Arena arena, Create(device, capacity));
  arena.spill_ = &spill;
  return arena;
}

Arena Arena::ForPlanning() {
  // Not null, so that a planned tensor does not look like an absent one.
  char* const base = reinterpret_cast<char*>(uintptr_t{1} << 46);
  return Arena(Buffer(), base, std::numeric_limits<int64_t>::max());
}

Arena Arena::ForPlanningWithSpill(int64_t capacity, Arena& spill) {
  Arena arena = ForPlanning();
  arena.capacity_ = capacity;
  arena.spill_ = &spill;
  return arena;
}

TensorView Arena::Allocate(DType dtype, const Shape& shape) {
  constexpr int64_t kMask = Device::kAlignment - 1;
  const int64_t bytes = (shape.num_elements() * SizeOf(dtype) + kMask) & ~kMask;
  const bool fits = spilled_ == 0 && bytes <= capacity_ - used_;
  if (!fits && spill_ != nullptr) return Spill(dtype, shape);
  COG_CHECK(bytes <= capacity_ - used_, "the arena of ", capacity_,
            " bytes has ", capacity_ - used_, " left, but ", Name(dtype),
            shape.ToString(), " needs ", bytes);
  char* const data = base_ + used_;
  used_ += bytes;
  high_water_ = std::max(high_water_, used_);
  return TensorView(data, dtype, shape);
}

TensorView Arena::Spill(DType dtype, const Shape& shape) {
  if (spilled_ == 0) spill_begin_ = spill_->mark();
  COG_CHECK_EQ(spill_->mark(), spill_begin_ + spilled_);
  const TensorView tensor = spill_->Allocate(dtype, shape);
  spilled_ = spill_->mark() - spill_begin_;
  return tensor;
}

void Arena::Release(Mark mark) {
  COG_CHECK_LE(mark, used_bytes());
  if (spilled_ > 0) ReleaseSpilled(std::max<int64_t>(mark - used_, 0));
  used_ = std::min(used_, mark);
}

void Arena::ReleaseSpilled(int64_t kept) {
  COG_CHECK_EQ(spill_->mark(), spill_begin_ + spilled_);
  spill_->Release(spill_begin_ + kept);
  spilled_ = kept;
}

}  // namespace cogdist
