// What all blocks that one stream runs share.

#ifndef COGDIST_TESTS_VGPU_SIMT_ENVIRONMENT_H_
#define COGDIST_TESTS_VGPU_SIMT_ENVIRONMENT_H_

#include <cstdint>

#include "tests/vgpu/simt/device_memory.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/stack_pool.h"

namespace cogdist::simt {

// A small generator of schedules (xorshift64).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t Below(uint64_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 16) % bound;
  }

 private:
  uint64_t state_;
};

// Used by one launch at a time.
struct Environment {
  Options options;
  BufferCache memory;
  Stats stats;
  StackPool stacks;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_ENVIRONMENT_H_
