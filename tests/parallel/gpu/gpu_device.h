// A GPU for tests, real or virtual: whatever the module of the program offers
// (COGDIST_GPU_MODULE names another one). Where there is none, tests are
// skipped, and say what they lack.

#ifndef COGDIST_TESTS_PARALLEL_GPU_GPU_DEVICE_H_
#define COGDIST_TESTS_PARALLEL_GPU_GPU_DEVICE_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parallel/gpu_backend.h"
#include "tests/testing/gpu.h"

namespace cogdist {

struct Gpus {
  const GpuBackend* backend = nullptr;
  int count = 0;
  std::string missing;  // why there are none
};

inline const Gpus& AllGpus() {
  static const Gpus& gpus = *new Gpus([] {
    Gpus found;
    const auto backend = OpenGpuBackend();
    if (!backend.ok()) {
      found.missing = std::string(backend.status().message());
      return found;
    }
    const auto count = (*backend)->count_devices();
    if (!count.ok()) {
      found.missing = std::string(count.status().message());
      return found;
    }
    found.backend = *backend;
    found.count = *count;
    if (found.count == 0) found.missing = "no driver, or no GPU it can use";
    return found;
  }());
  return gpus;
}

// Skips a test that needs `count` GPUs where there are fewer.
#define COGDIST_NEEDS_GPUS(needed)                                 \
  if (::cogdist::AllGpus().count < (needed)) {                     \
    GTEST_SKIP() << "needs " << (needed)                           \
                 << " NVIDIA GPU(s) of compute capability 8.0 or " \
                    "newer; there are "                            \
                 << ::cogdist::AllGpus().count << ": "             \
                 << ::cogdist::AllGpus().missing;                  \
  }                                                                \
  static_assert(true)

inline std::unique_ptr<Device> OpenGpu(int index = 0) {
  return testing::CreateGpu(*AllGpus().backend, index);
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_PARALLEL_GPU_GPU_DEVICE_H_
