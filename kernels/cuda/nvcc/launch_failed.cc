#include "kernels/cuda/nvcc/launch_failed.h"

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist::cuda {

void LaunchFailed(const char* call, const char* error) {
  CheckFailed(__FILE__, __LINE__, absl::StrCat(call, " failed: ", error));
}

}  // namespace cogdist::cuda
