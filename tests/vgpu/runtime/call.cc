#include "tests/vgpu/runtime/call.h"

#include "absl/strings/str_cat.h"

namespace cogdist::vgpu {

cudaError_t Call::Misuse(cudaError_t why, absl::string_view text) {
  machine.Report(absl::StrCat(name, ": ", text));
  return error = why;
}

bool Call::AllowedNow() {
  if (failed()) return false;
  if (machine.captures(device) == 0) return true;
  Misuse(cudaErrorStreamCaptureUnsupported,
         absl::StrCat("device ", device, " has a capture under way"));
  return false;
}

}  // namespace cogdist::vgpu
