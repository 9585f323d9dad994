#include "runtime/scratch_memory.h"

#include <utility>

#include "runtime/check.h"

namespace cogdist {

void* ScratchMemory::Reserve(Stream& stream, int64_t bytes) {
  if (bytes <= buffer_.bytes()) return buffer_.data();
  stream.Synchronize();
  buffer_ = Buffer();  // before the larger one: both may not fit
  absl::StatusOr<Buffer> larger = Buffer::Allocate(stream.device(), bytes);
  COG_CHECK_OK(larger.status());
  buffer_ = *std::move(larger);
  return buffer_.data();
}

}  // namespace cogdist
