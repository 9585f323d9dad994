// One CUDA thread: a fiber with its place in the block.

#ifndef COGDIST_TESTS_VGPU_SIMT_THREAD_H_
#define COGDIST_TESTS_VGPU_SIMT_THREAD_H_

#include <cstdint>
#include <vector>

#include "tests/vgpu/simt/clocks.h"
#include "tests/vgpu/simt/context.h"
#include "tests/vgpu/simt/dim3.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

// One cp.async.
struct AsyncCopy {
  uint32_t to;  // shared address
  const void* from;
  int from_bytes;   // the rest of kBytes becomes zero
  CodeOffset code;  // of the kernel

  static constexpr int kBytes = 16;
};

struct Thread {
  int warp() const { return id / kWarpSize; }
  int lane() const { return id % kWarpSize; }

  int id = 0;  // linear, in the block
  dim3 index;
  Context context;
  uintptr_t stack = 0;  // its lowest address

  // What it waits in, if anything; for reports.
  const char* waits_in = nullptr;
  CodeOffset waits_at = 0;
  bool ended = false;

  std::vector<AsyncCopy> open_copies;               // not yet committed
  std::vector<std::vector<AsyncCopy>> copy_groups;  // not yet waited for
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_THREAD_H_
