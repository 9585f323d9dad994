// Host memory as a device.

#ifndef COGDIST_RUNTIME_CPU_CPU_DEVICE_H_
#define COGDIST_RUNTIME_CPU_CPU_DEVICE_H_

#include <memory>
#include <vector>

#include "runtime/device.h"

namespace cogdist {

class CpuStream;

class CpuDevice : public Device {
 public:
  DeviceType type() const override { return DeviceType::kCpu; }
  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  void Free(void* memory, int64_t bytes) override;
  MemoryStats memory() const override { return memory_; }
  std::unique_ptr<Stream> CreateStream() override;

  // Polls the oldest unfinished task of every stream once.
  void Progress() override;

 private:
  friend class CpuStream;

  MemoryStats memory_;
  std::vector<CpuStream*> streams_;  // alive, not owned
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CPU_CPU_DEVICE_H_
