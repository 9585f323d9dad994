// What the emulator has found wrong with a kernel.

#ifndef COGDIST_TESTS_VGPU_SIMT_REPORT_H_
#define COGDIST_TESTS_VGPU_SIMT_REPORT_H_

#include <ostream>
#include <string>

#include "tests/vgpu/simt/dim3.h"

namespace cogdist::simt {

enum class Fault {
  kRace,           // two unordered accesses, one of them a write
  kUninitialised,  // a read of what nobody has written
  kOutOfBounds,    // of a buffer or of shared memory
  kUseAfterFree,
  kUnknownMemory,  // neither device memory nor the thread's own
  kMisaligned,     // wide access at an address that is not a multiple of it
  kInFlight,       // cp.async's destination before it was waited for
  kLostCopies,     // cp.async that nobody waited for until the kernel's end
  kDivergence,     // threads wait in different operations, or for others that
                   // have ended
  kBadLane,        // a mask or source lane that takes no part
  kBadLaunch,      // more threads or shared memory than a block may have
};
const char* Name(Fault fault);

struct Report {
  std::string ToString() const;

  Fault fault;
  std::string kernel;
  dim3 block;
  int thread = -1;        // linear, in its block; -1: all or none
  int other_thread = -1;  // the other party of a race
  std::string source;     // "file:line" of `thread`; empty if unknown
  std::string other_source;
  std::string text;  // which memory, which operation
};

inline std::ostream& operator<<(std::ostream& out, const Report& report) {
  return out << report.ToString();
}

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_REPORT_H_
