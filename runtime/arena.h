// Activation memory: one block, taken from its front and given back in reverse
// order. A step allocates nothing from the device.

#ifndef COGDIST_RUNTIME_ARENA_H_
#define COGDIST_RUNTIME_ARENA_H_

#include <cstdint>
#include <limits>

#include "absl/status/statusor.h"
#include "runtime/buffer.h"
#include "runtime/tensor.h"

namespace cogdist {

class Arena {
 public:
  // A position to return to; see Release().
  using Mark = int64_t;

  // An arena of `capacity` bytes on `device`.
  static absl::StatusOr<Arena> Create(Device& device, int64_t capacity);
  // An arena that hands out addresses which must not be used, without a limit:
  // its high-water mark is the capacity that a real one needs.
  static Arena ForPlanning();

  // Uninitialised memory, aligned to Device::kAlignment. Running out is a bug:
  // the plan and the step disagree.
  TensorView Allocate(DType dtype, const Shape& shape);

  Mark mark() const { return used_; }
  // Gives back everything allocated since `mark` was taken.
  void Release(Mark mark);

  int64_t used_bytes() const { return used_; }
  int64_t high_water_bytes() const { return high_water_; }

 private:
  Arena(Buffer buffer, char* base, int64_t capacity)
      : buffer_(std::move(buffer)), base_(base), capacity_(capacity) {}

  Buffer buffer_;
  char* base_;
  int64_t capacity_;
  int64_t used_ = 0;
  int64_t high_water_ = 0;
};

// Gives back, at the end of its scope, what was allocated in it.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ~ArenaScope() { arena_.Release(mark_); }
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_ARENA_H_
