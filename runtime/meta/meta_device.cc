#include "runtime/meta/meta_device.h"

#include <algorithm>

#include "runtime/check.h"

namespace cogdist {

absl::StatusOr<void*> MetaDevice::Allocate(int64_t bytes) {
  COG_CHECK_GE(bytes, 0);
  memory_.current_bytes += bytes;
  memory_.peak_bytes = std::max(memory_.peak_bytes, memory_.current_bytes);
  void* const address = reinterpret_cast<void*>(next_address_);
  next_address_ += (bytes + kAlignment) & ~(kAlignment - 1);
  return address;
}

void MetaDevice::Free(void* memory, int64_t bytes) {
  if (memory != nullptr) memory_.current_bytes -= bytes;
}

absl::StatusOr<void*> MetaDevice::AllocateHost(int64_t bytes) {
  COG_CHECK_GE(bytes, 0);
  return nullptr;
}

std::unique_ptr<Stream> MetaDevice::CreateStream() {
  return std::make_unique<MetaStream>(*this);
}

void* MetaStream::Workspace(int64_t bytes) {
  workspace_bytes_ = std::max(workspace_bytes_, bytes);
  return nullptr;
}

}  // namespace cogdist
