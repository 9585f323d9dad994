// Names for stretches of a rank's work, shown by the device's profiler (Nsight
// Systems for a GPU's) with what was enqueued meanwhile.
//
//   const Range range(device, "backward");

#ifndef COGDIST_RUNTIME_RANGE_H_
#define COGDIST_RUNTIME_RANGE_H_

#include <string>

#include "runtime/device.h"

namespace cogdist {

// From its construction to its destruction; ranges of a thread nest. `name`
// need not outlive the constructor's call.
class [[nodiscard]] Range {
 public:
  Range(Device& device, const char* name) : device_(device) {
    device_.PushRange(name);
  }
  Range(Device& device, const std::string& name)
      : Range(device, name.c_str()) {}
  ~Range() { device_.PopRange(); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

 private:
  Device& device_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_RANGE_H_
