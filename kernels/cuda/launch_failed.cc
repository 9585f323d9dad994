#include "kernels/cuda/launch_failed.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist::cuda {

void LaunchFailed(const char* call, const char* error) {
  CheckFailed(__FILE__, __LINE__, absl::StrCat(call, " failed: ", error));
}

void SharedMemoryRefused(int64_t wanted, int64_t available, const char* error) {
  const std::string text =
      absl::StrCat(error, ": the kernel wants ", wanted,
                   " bytes of shared memory a block, and this GPU has ",
                   available, "; docs/gpu.md says what wants how much");
  LaunchFailed("cudaFuncSetAttribute", text.c_str());
}

}  // namespace cogdist::cuda
