#include "runtime/device.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist {

absl::StatusOr<void*> Device::AllocateHost(int64_t bytes) {
  COG_CHECK_GE(bytes, 0);
  void* const memory = std::malloc(std::max<int64_t>(bytes, 1));
  if (memory == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", bytes, " bytes of host memory"));
  }
  return memory;
}

void Device::FreeHost(void* memory) { std::free(memory); }

}  // namespace cogdist
