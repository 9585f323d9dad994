#include "runtime/arena.h"

#include <algorithm>

namespace cogdist {

absl::StatusOr<Arena> Arena::Create(Device& device, int64_t capacity) {
  COG_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(device, capacity));
  char* const base = static_cast<char*>(buffer.data());
  return Arena(std::move(buffer), base, capacity);
}

Arena Arena::ForPlanning() {
  // Not null, so that a planned tensor does not look like an absent one.
  char* const base = reinterpret_cast<char*>(uintptr_t{1} << 46);
  return Arena(Buffer(), base, std::numeric_limits<int64_t>::max());
}

TensorView Arena::Allocate(DType dtype, const Shape& shape) {
  constexpr int64_t kMask = Device::kAlignment - 1;
  const int64_t bytes = (shape.num_elements() * SizeOf(dtype) + kMask) & ~kMask;
  COG_CHECK(bytes <= capacity_ - used_, "the arena of ", capacity_,
            " bytes has ", capacity_ - used_, " left, but ", Name(dtype),
            shape.ToString(), " needs ", bytes);
  char* const data = base_ + used_;
  used_ += bytes;
  high_water_ = std::max(high_water_, used_);
  return TensorView(data, dtype, shape);
}

void Arena::Release(Mark mark) {
  COG_CHECK_LE(mark, used_);
  used_ = mark;
}

}  // namespace cogdist
