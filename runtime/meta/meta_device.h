// A device without memory: allocations are counted and get addresses that must
// never be read; kernels are skipped. A step that runs on it yields its own
// memory plan, on the device that it stands for.

#ifndef COGDIST_RUNTIME_META_META_DEVICE_H_
#define COGDIST_RUNTIME_META_META_DEVICE_H_

#include <cstdint>
#include <memory>

#include "runtime/device.h"
#include "runtime/stream.h"

namespace cogdist {

class MetaDevice : public Device {
 public:
  // Kernels' scratch memory is that of the device `stands_for`.
  explicit MetaDevice(DeviceType stands_for = DeviceType::kCpu)
      : stands_for_(stands_for) {}

  DeviceType type() const override { return DeviceType::kMeta; }
  DeviceType stands_for() const { return stands_for_; }
  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  void Free(void* memory, int64_t bytes) override;
  // Null: a plan may be one for a machine with more memory than this one.
  absl::StatusOr<void*> AllocateHost(int64_t bytes) override;
  MemoryStats memory() const override { return memory_; }
  std::unique_ptr<Stream> CreateStream() override;

 private:
  const DeviceType stands_for_;
  MemoryStats memory_;
  uintptr_t next_address_ = uintptr_t{1} << 40;
};

class MetaStream : public Stream {
 public:
  explicit MetaStream(MetaDevice& device) : device_(device) {}

  Device& device() const override { return device_; }
  void Copy(void*, const void*, int64_t) override {}
  void FillZero(void*, int64_t) override {}
  Event Record() override { return Event(); }
  void Wait(const Event&) override {}
  void Synchronize() override {}
  // Counts only; the result must not be read.
  void* Workspace(int64_t bytes) override;
  int64_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  MetaDevice& device_;
  int64_t workspace_bytes_ = 0;
};

// The type of `device`, or of what it stands for.
inline DeviceType PlannedType(const Device& device) {
  if (device.type() != DeviceType::kMeta) return device.type();
  return static_cast<const MetaDevice&>(device).stands_for();
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_META_META_DEVICE_H_
