// A device and a stream in one, for tests of kernels alone.

#ifndef COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_
#define COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_

#include <memory>
#include <utility>
#include <vector>

#include "tests/vgpu/simt/device_memory.h"
#include "tests/vgpu/simt/environment.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/report.h"
#include "tests/vgpu/simt/stream_handle.h"

namespace cogdist::simt {

// Also a stream, which runs what is launched on it at once, on the calling
// thread, on memory of its own. Used by one thread at a time.
class Emulator : public CUstream_st {
 public:
  explicit Emulator(const Options& options = {})
      : memory_(std::make_unique<DeviceMemory>()),
        environment_{.options = options, .memory = BufferCache(*memory_)} {}

  // Frees all memory and forgets the reports; counters go on.
  void Reset(const Options& options);

  const char* Enqueue(const KernelLaunch& launch) override;

  DeviceMemory& memory() { return *memory_; }
  const Stats& stats() const { return environment_.stats; }
  // In the order in which they were found.
  const std::vector<Report>& reports() const { return reports_; }
  void AddReport(Report report) { reports_.push_back(std::move(report)); }

 private:
  std::unique_ptr<DeviceMemory> memory_;
  Environment environment_;
  std::vector<Report> reports_;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_EMULATOR_H_
