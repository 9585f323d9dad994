// The device seam: where memory lives and where work is ordered. One Device per
// rank, used by that rank's thread only.

#ifndef COGDIST_RUNTIME_DEVICE_H_
#define COGDIST_RUNTIME_DEVICE_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cogdist {

class Stream;

// kMeta: no memory and no arithmetic, only the book-keeping. Running a step on
// it gives the exact memory plan of that step (compare PyTorch's meta device).
enum class DeviceType { kCpu, kCuda, kMeta };

constexpr absl::string_view Name(DeviceType type) {
  switch (type) {
    case DeviceType::kCpu:
      return "CPU";
    case DeviceType::kCuda:
      return "CUDA";
    case DeviceType::kMeta:
      return "meta";
  }
  return "?";
}

// Bytes given out by a device's allocator, library workspaces included.
struct MemoryStats {
  int64_t current_bytes = 0;
  int64_t peak_bytes = 0;  // high-water mark since the device was made
};

class Device {
 public:
  // Every allocation starts on a multiple of this; so does every arena tensor.
  static constexpr int64_t kAlignment = 256;

  virtual ~Device() = default;

  virtual DeviceType type() const = 0;

  // `bytes` of uninitialised memory, or RESOURCE_EXHAUSTED with the sizes.
  virtual absl::StatusOr<void*> Allocate(int64_t bytes) = 0;
  virtual void Free(void* memory, int64_t bytes) = 0;
  virtual MemoryStats memory() const = 0;

  // Streams must be destroyed before their device.
  virtual std::unique_ptr<Stream> CreateStream() = 0;

  // Lets asynchronous work of this device's streams advance; cheap when there
  // is none. A no-op where the hardware advances it.
  virtual void Progress() {}

  // Bytes that it could still give out; the largest number where only the
  // system knows.
  virtual int64_t AvailableBytes() const {
    return std::numeric_limits<int64_t>::max();
  }

  // What a block of a kernel can have of the memory that its threads share; the
  // largest number where there are no blocks.
  virtual int64_t SharedBytesPerBlock() const {
    return std::numeric_limits<int64_t>::max();
  }

  // `bytes` of uninitialised host memory that copies to and from the device
  // reach by themselves, while the host goes on; not counted in memory(). Plain
  // memory, unless the device needs another kind; null from a device that has
  // no memory and copies nothing. RESOURCE_EXHAUSTED with the size.
  virtual absl::StatusOr<void*> AllocateHost(int64_t bytes);
  virtual void FreeHost(void* memory);

  // A stretch of this thread's time, and of the work that it enqueues, gets a
  // name in the device's profiler; see range.h. Free where there is none.
  virtual void PushRange(const char* /*name*/) {}
  virtual void PopRange() {}
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DEVICE_H_
