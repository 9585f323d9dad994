// Host memory that a GPU copies from and to on its own, while the host goes on.

#ifndef COGDIST_RUNTIME_CUDA_PINNED_BUFFER_H_
#define COGDIST_RUNTIME_CUDA_PINNED_BUFFER_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "runtime/cuda/cuda_status.h"
#include "runtime/status_macros.h"

namespace cogdist {

// Move-only; destroyed after the copies are done.
class PinnedBuffer {
 public:
  static absl::StatusOr<PinnedBuffer> Allocate(int64_t bytes) {
    void* memory = nullptr;
    COG_RETURN_IF_ERROR(CudaStatus(
        cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "cudaHostAlloc"));
    return PinnedBuffer(memory, bytes);
  }

  PinnedBuffer() = default;
  ~PinnedBuffer() {
    if (data_ != nullptr) COG_CHECK_CUDA(cudaFreeHost(data_));
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  PinnedBuffer(void* data, int64_t bytes) : data_(data), bytes_(bytes) {}

  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_PINNED_BUFFER_H_
