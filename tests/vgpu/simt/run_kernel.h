// Runs CUDA kernels that g++ has compiled, one fiber a thread, and finds what
// is wrong with them. docs/virtual_gpu.md describes the rules it checks.

#ifndef COGDIST_TESTS_VGPU_SIMT_RUN_KERNEL_H_
#define COGDIST_TESTS_VGPU_SIMT_RUN_KERNEL_H_

#include <cstddef>
#include <optional>

#include "tests/vgpu/simt/environment.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/report.h"

namespace cogdist::simt {

// What no device would take whose blocks have so much shared memory, if the
// launch is that.
std::optional<Report> CheckShape(const KernelLaunch& launch,
                                 size_t shared_bytes = kMaxSharedBytes);

// Which operation a launch is.
struct Origin {
  int stream = 0;
  uint64_t sequence = 0;               // in the stream
  const Progress* progress = nullptr;  // what happened before it, itself
                                       // included; null: all that has begun
};

// On the calling thread, blocks one after another, in a random order. Ends with
// the first fault. REQUIRES: a shape that passes CheckShape(); nobody else
// works on the memory.
std::optional<Report> RunKernel(Environment& environment,
                                const KernelLaunch& launch,
                                const Origin& origin = {});

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_RUN_KERNEL_H_
