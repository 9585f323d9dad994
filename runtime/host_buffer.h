// Host memory that a device copies from and to on its own, with an owner.

#ifndef COGDIST_RUNTIME_HOST_BUFFER_H_
#define COGDIST_RUNTIME_HOST_BUFFER_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/device.h"
#include "runtime/status_macros.h"

namespace cogdist {

// Frees its memory when destroyed: after the copies are done, and before the
// device. Move-only.
class HostBuffer {
 public:
  // Uninitialised memory; an empty buffer on a meta device.
  static absl::StatusOr<HostBuffer> Allocate(Device& device, int64_t bytes) {
    COG_ASSIGN_OR_RETURN(void* const memory, device.AllocateHost(bytes));
    return HostBuffer(device, memory, memory == nullptr ? 0 : bytes);
  }

  HostBuffer() = default;
  ~HostBuffer() {
    if (device_ != nullptr) device_->FreeHost(data_);
  }
  HostBuffer(HostBuffer&& other) noexcept { Swap(other); }
  HostBuffer& operator=(HostBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  // The whole buffer as an array of as many elements as fit.
  template <typename T>
  absl::Span<T> As() const {
    return {static_cast<T*>(data_), bytes_ / sizeof(T)};
  }

 private:
  HostBuffer(Device& device, void* data, int64_t bytes)
      : device_(&device), data_(data), bytes_(bytes) {}
  void Swap(HostBuffer& other) {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  Device* device_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_HOST_BUFFER_H_
