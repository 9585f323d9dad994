// A kernel launch as the emulator takes it, its settings and its counters.

#ifndef COGDIST_TESTS_VGPU_SIMT_LAUNCH_H_
#define COGDIST_TESTS_VGPU_SIMT_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "tests/vgpu/simt/dim3.h"

namespace cogdist::simt {

struct KernelLaunch {
  const void* kernel = nullptr;  // its code, whose name goes into reports
  void (*invoke)(const void* arguments) = nullptr;  // what one thread runs
  const void* arguments = nullptr;  // trivially copyable; the caller's: who
                                    // runs the kernel later takes a copy
  size_t argument_bytes = 0;
  size_t parameter_bytes = 0;  // the kernel's, with which arguments begin
  dim3 grid, block;
  size_t shared_bytes = 0;
  // Tells of all its loads and stores. Of others the emulator sees only what
  // they do through the interface, which is too little to check anything.
  bool watched = true;
};

// What a block may have: the least of sm_80, sm_90 and sm_100 but for shared
// memory, of which a device may have less.
inline constexpr unsigned kMaxBlockThreads = 1024;
inline constexpr unsigned kMaxGridX = 0x7fffffff;
inline constexpr unsigned kMaxGridYZ = 65535;
inline constexpr size_t kMaxSharedBytes = 227 << 10;

struct Options {
  enum class Schedule { kRandom, kInOrder };

  uint64_t seed =
      1;  // of the schedule, of the blocks' order and of sums in mma
  Schedule schedule = Schedule::kRandom;
  // mma adds all products at once and cuts the sum off, as tensor cores do,
  // instead of rounding every addition.
  bool truncate_mma = false;
  // Without, only what would stop a GPU is found: accesses are not followed.
  bool checked = true;
  // Not 0: of a launch that has more blocks only so many are run, the last and
  // others at equal distances; for grids that are too large to run whole.
  unsigned most_blocks = 0;
};

// What kernels did; over all launches of an emulator.
struct Stats {
  uint64_t switches = 0;
  uint64_t barriers = 0;
  uint64_t shuffles = 0;  // warps'
  uint64_t mma = 0;
  uint64_t ldmatrix = 0;
  uint64_t ldmatrix_conflicts = 0;  // shared memory cycles beyond the least
  uint64_t async_copies = 0;
  uint64_t wide_accesses = 0;  // of 16 bytes
  uint64_t accesses = 0;       // loads and stores of the threads
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_LAUNCH_H_
