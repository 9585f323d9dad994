// What work that is no kernel reads and writes of a device's memory, as the
// memory's shadow sees it.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_FOOTPRINT_H_
#define COGDIST_TESTS_VGPU_RUNTIME_FOOTPRINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tests/vgpu/simt/between.h"
#include "tests/vgpu/simt/device_memory.h"
#include "tests/vgpu/simt/run_kernel.h"

namespace cogdist::vgpu {

class Stream;

// One piece of work of a stream. What it does wrong becomes a report, the first
// fault only. REQUIRES: made and used on the stream's thread, with the device's
// baton; the memory is the device's.
class Footprint {
 public:
  Footprint(Stream& stream, const char* call);

  // All of it must have been written.
  void Read(const void* memory, int64_t bytes);
  void Write(const void* memory, int64_t bytes);
  // What was not written of the source is afterwards not written here.
  void Copy(const void* to, const void* from, int64_t bytes);

 private:
  template <typename F>
  void ForCells(const void* memory, int64_t bytes, const F& f);
  std::optional<simt::Conflict> ReadCell(simt::Cell& cell);
  std::optional<simt::Conflict> WriteCell(simt::Cell& cell, bool initialised);
  void Report(const simt::Conflict& conflict, const std::string& place);

  Stream& stream_;
  const char* const call_;
  simt::BufferCache memory_;
  const bool watched_;
  const simt::Origin origin_;
  simt::Between between_;
  uint32_t number_ = 0;
  bool reported_ = false;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_FOOTPRINT_H_
