#include "runtime/cpu/cpu_device.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist {
namespace {

// More than any address space; rounding it up does not overflow.
constexpr int64_t kMaxBytes = int64_t{1} << 62;

int64_t RoundUp(int64_t bytes) {
  constexpr int64_t kMask = Device::kAlignment - 1;
  return (std::max<int64_t>(bytes, 1) + kMask) & ~kMask;
}

}  // namespace

absl::StatusOr<void*> CpuDevice::Allocate(int64_t bytes) {
  // Sizes that have wrapped round must not get a small block.
  COG_CHECK(bytes >= 0 && bytes <= kMaxBytes, bytes, " bytes");
  void* memory = std::aligned_alloc(kAlignment, RoundUp(bytes));
  if (memory == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", bytes, " bytes of host memory; ",
                     memory_.current_bytes, " bytes are in use by this rank"));
  }
  memory_.current_bytes += bytes;
  memory_.peak_bytes = std::max(memory_.peak_bytes, memory_.current_bytes);
  return memory;
}

void CpuDevice::Free(void* memory, int64_t bytes) {
  if (memory == nullptr) return;
  memory_.current_bytes -= bytes;
  std::free(memory);
}

std::unique_ptr<Stream> CpuDevice::CreateStream() {
  return std::make_unique<CpuStream>(*this);
}

void CpuDevice::Progress() {
  for (CpuStream* stream : streams_) stream->PollOldest();
}

}  // namespace cogdist
