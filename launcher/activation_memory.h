// Memory for activations: what passes save, by micro-batch in flight, and what
// only lives within a pass, shared by all of them.

#ifndef COGDIST_LAUNCHER_ACTIVATION_MEMORY_H_
#define COGDIST_LAUNCHER_ACTIVATION_MEMORY_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "runtime/arena.h"
#include "runtime/device.h"

namespace cogdist {

// Capacities in bytes.
struct ActivationPlan {
  int slots = 1;              // micro-batches in flight at a time
  int64_t slot_bytes = 0;     // saved by one from its forward to its backward
  int64_t scratch_bytes = 0;  // temporaries of a pass
  int64_t common_bytes = 0;   // buffers that all passes use in turn

  int64_t total() const {
    return slots * slot_bytes + scratch_bytes + common_bytes;
  }
};

class ActivationMemory {
 public:
  static absl::StatusOr<std::unique_ptr<ActivationMemory>> Create(
      Device& device, const ActivationPlan& plan);
  // Arenas without memory, that take anything: one slot of `slot_bytes` (and
  // what exceeds them is scratch), for finding the other capacities.
  static std::unique_ptr<ActivationMemory> ForPlanning(int64_t slot_bytes);

  // Arenas refer to each other.
  ActivationMemory(const ActivationMemory&) = delete;
  ActivationMemory& operator=(const ActivationMemory&) = delete;

  // A slot that is full goes on in scratch.
  Arena& slot(int index) { return slots_[index]; }
  Arena& scratch() { return scratch_; }
  Arena& common() { return common_; }

 private:
  ActivationMemory(Arena scratch, Arena common)
      : scratch_(std::move(scratch)), common_(std::move(common)) {}

  Arena scratch_;
  Arena common_;
  std::deque<Arena> slots_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ACTIVATION_MEMORY_H_
