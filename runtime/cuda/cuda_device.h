// One GPU and its memory.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_DEVICE_H_
#define COGDIST_RUNTIME_CUDA_CUDA_DEVICE_H_

#include <cuda.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/cuda/cuda_event_pool.h"
#include "runtime/device.h"

namespace cogdist {

struct KernelTable;

// The driver's call for a write to memory in a stream's order, which the
// runtime does not have.
using StreamWriteValue = decltype(&cuStreamWriteValue64);

class CudaDevice : public Device {
 public:
  // GPUs that this process can use; 0 where there is no driver.
  static absl::StatusOr<int> Count();
  // "0000:3b:00.0": domain, bus, device and function.
  static absl::StatusOr<std::string> PlaceOf(int index);
  // The GPU `index`, whose streams hand out `kernels`. The thread that calls
  // this is the one that uses the device.
  static absl::StatusOr<std::unique_ptr<CudaDevice>> Create(
      int index, const KernelTable& kernels);

  ~CudaDevice() override;

  DeviceType type() const override { return DeviceType::kCuda; }
  // Straight from CUDA: everything that a step needs is allocated before the
  // first one, in few large blocks.
  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  void Free(void* memory, int64_t bytes) override;
  MemoryStats memory() const override { return memory_; }
  // What CUDA says: of all processes' memory.
  int64_t AvailableBytes() const override;
  int64_t SharedBytesPerBlock() const override {
    return traits_.shared_bytes_per_block;
  }
  // Pinned.
  absl::StatusOr<void*> AllocateHost(int64_t bytes) override;
  void FreeHost(void* memory) override;
  std::unique_ptr<Stream> CreateStream() override;
  void PushRange(const char* name) override;
  void PopRange() override;

  int index() const { return index_; }
  int multiprocessors() const { return traits_.multiprocessors; }
  const KernelTable& kernels() const { return kernels_; }
  // Shared with events, which may outlive the device.
  const std::shared_ptr<CudaEventPool>& events() const { return events_; }
  StreamWriteValue stream_write_value() const { return stream_write_value_; }

 private:
  // Of the hardware.
  struct Traits {
    int multiprocessors;
    int shared_bytes_per_block;
  };
  CudaDevice(int index, const Traits& traits, const KernelTable& kernels,
             StreamWriteValue stream_write_value)
      : index_(index),
        traits_(traits),
        kernels_(kernels),
        stream_write_value_(stream_write_value) {}

  const int index_;
  const Traits traits_;
  const KernelTable& kernels_;
  const StreamWriteValue stream_write_value_;
  std::shared_ptr<CudaEventPool> events_ = std::make_shared<CudaEventPool>();
  MemoryStats memory_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_CUDA_DEVICE_H_
