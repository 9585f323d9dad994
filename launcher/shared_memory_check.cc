#include "launcher/shared_memory_check.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernels/cuda/shared_memory.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

struct Want {
  absl::string_view field;
  int64_t value;
  absl::string_view kernel;
  int64_t bytes;
  int64_t most;  // a value that would do
};

absl::Status Check(const Want& want, int64_t available) {
  if (want.bytes <= available) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      want.field, " is ", want.value, ", with which ", want.kernel, " needs ",
      want.bytes, " bytes of shared memory a block, and this GPU has ",
      available, "; use at most ", want.most,
      " here, a GPU with more of it, or device: CPU"));
}

}  // namespace

absl::Status CheckSharedMemory(const RunConfig& config, Passes passes,
                               const Device& device) {
  constexpr int64_t kDimOfEveryGpu = 128;
  const CogformerConfig& model = config.model().cogformer();
  const bool backward = passes == Passes::kForwardAndBackward;
  const int64_t available = device.SharedBytesPerBlock();
  COG_RETURN_IF_ERROR(Check(
      {.field = "model.cogformer.head_dim",
       .value = model.head_dim(),
       .kernel = "attention",
       .bytes = backward ? cuda::AttentionBackwardSharedBytes(model.head_dim())
                         : cuda::AttentionForwardSharedBytes(model.head_dim()),
       .most = kDimOfEveryGpu},
      available));
  if (!backward) return absl::OkStatus();
  return Check({.field = "model.cogformer.hidden_size",
                .value = model.hidden_size(),
                .kernel = "the backward pass of RMSNorm",
                .bytes = cuda::NormBackwardSharedBytes(model.hidden_size(), 1),
                .most = (available - cuda::NormBackwardSharedBytes(0, 1)) / 4},
               available);
}

}  // namespace cogdist
