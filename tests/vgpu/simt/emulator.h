// Runs CUDA kernels that g++ has compiled, one fiber a thread, and reports what
// is wrong with them. docs/virtual_gpu.md describes the rules it checks.

#ifndef COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_
#define COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_

#include <vector>

#include "tests/vgpu/simt/block.h"
#include "tests/vgpu/simt/device_memory.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/report.h"

namespace cogdist::simt {

// Also a stream, which runs what is launched on it at once, on the calling
// thread. Used by one thread at a time.
class Emulator : public CUstream_st {
 public:
  explicit Emulator(const Options& options = {}) { Reset(options); }

  // Frees all memory and forgets the reports; counters go on.
  void Reset(const Options& options) {
    environment_.options = options;
    environment_.memory = DeviceMemory();
    reports_.clear();
  }

  // Blocks run one after another, in a random order. A launch ends with its
  // first fault.
  void Enqueue(const KernelLaunch& launch) override;

  DeviceMemory& memory() { return environment_.memory; }
  const Stats& stats() const { return environment_.stats; }
  // In the order in which they were found.
  const std::vector<Report>& reports() const { return reports_; }
  void AddReport(Report report) { reports_.push_back(std::move(report)); }

 private:
  Environment environment_;
  std::vector<Report> reports_;
  uint32_t next_block_ = 1;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_
