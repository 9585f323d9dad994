// Device memory with an owner.

#ifndef COGDIST_RUNTIME_BUFFER_H_
#define COGDIST_RUNTIME_BUFFER_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "runtime/device.h"
#include "runtime/status_macros.h"
#include "runtime/tensor.h"

namespace cogdist {

// Frees its memory when destroyed; the device must outlive it. Move-only.
class Buffer {
 public:
  // Uninitialised memory.
  static absl::StatusOr<Buffer> Allocate(Device& device, int64_t bytes) {
    COG_ASSIGN_OR_RETURN(void* const memory, device.Allocate(bytes));
    return Buffer(device, memory, bytes);
  }

  Buffer() = default;
  ~Buffer() { Reset(); }
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Swap(other);
    return *this;
  }

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  explicit operator bool() const { return data_ != nullptr; }

  // The whole buffer as a flat array of as many elements as fit.
  TensorView View(DType dtype) const {
    return TensorView(data_, dtype, {bytes_ / SizeOf(dtype)});
  }

 private:
  Buffer(Device& device, void* data, int64_t bytes)
      : device_(&device), data_(data), bytes_(bytes) {}
  void Reset() {
    if (device_ != nullptr) device_->Free(data_, bytes_);
  }
  void Swap(Buffer& other) {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  Device* device_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_BUFFER_H_
