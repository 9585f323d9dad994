// A device without memory: allocations are counted and get addresses that must
// never be read; kernels are skipped. A step that runs on it yields its own
// memory plan.

#ifndef COGDIST_RUNTIME_META_META_DEVICE_H_
#define COGDIST_RUNTIME_META_META_DEVICE_H_

#include <cstdint>
#include <memory>

#include "runtime/device.h"
#include "runtime/stream.h"

namespace cogdist {

class MetaDevice : public Device {
 public:
  DeviceType type() const override { return DeviceType::kMeta; }
  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  void Free(void* memory, int64_t bytes) override;
  MemoryStats memory() const override { return memory_; }
  std::unique_ptr<Stream> CreateStream() override;

 private:
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

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_META_META_DEVICE_H_
