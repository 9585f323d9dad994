// Activation memory: one block, taken from its front and given back in reverse
// order. A step allocates nothing from the device.
//
// Passes that are in flight at the same time keep what they save in an arena
// each and share one for temporaries: an arena with a spill arena takes what
// fits, and sends the first allocation that does not, and all after it, to the
// spill arena, until they are released. Tensors that are saved to the end of a
// pass lie below its temporaries, so in an arena as large as all saved tensors
// these are what fits.

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
  // Likewise, with what does not fit going to `spill`, which outlives it and
  // whose other users give back all they took in between.
  static absl::StatusOr<Arena> CreateWithSpill(Device& device, int64_t capacity,
                                               Arena& spill);
  // An arena that hands out addresses which must not be used, without a limit:
  // its high-water mark is the capacity that a real one needs.
  static Arena ForPlanning();
  static Arena ForPlanningWithSpill(int64_t capacity, Arena& spill);

  // Uninitialised memory, aligned to Device::kAlignment. Running out is a bug:
  // the plan and the step disagree.
  TensorView Allocate(DType dtype, const Shape& shape);

  Mark mark() const { return used_bytes(); }
  // Gives back everything allocated since `mark` was taken.
  void Release(Mark mark);

  // Spilled bytes included.
  int64_t used_bytes() const { return used_ + spilled_; }
  // Of this arena's own memory.
  int64_t high_water_bytes() const { return high_water_; }

 private:
  Arena(Buffer buffer, char* base, int64_t capacity)
      : buffer_(std::move(buffer)), base_(base), capacity_(capacity) {}

  TensorView Spill(DType dtype, const Shape& shape);
  void ReleaseSpilled(int64_t kept);

  Buffer buffer_;
  char* base_;
  int64_t capacity_;
  int64_t used_ = 0;  // of this arena's own memory
  int64_t high_water_ = 0;
  Arena* spill_ = nullptr;  // not owned; may be absent
  Mark spill_begin_ = 0;    // where what is spilled starts, if anything is
  int64_t spilled_ = 0;
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
