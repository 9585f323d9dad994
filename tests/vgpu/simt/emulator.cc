#include "tests/vgpu/simt/emulator.h"

#include <optional>

#include "tests/vgpu/simt/run_kernel.h"

namespace cogdist::simt {

void Emulator::Reset(const Options& options) {
  memory_ = std::make_unique<DeviceMemory>();
  environment_.options = options;
  environment_.memory = BufferCache(*memory_);
  reports_.clear();
}

const char* Emulator::Enqueue(const KernelLaunch& launch) {
  std::optional<Report> report = CheckShape(launch);
  if (!report) report = RunKernel(environment_, launch);
  if (report) AddReport(*std::move(report));
  return nullptr;
}

}  // namespace cogdist::simt
