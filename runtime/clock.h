// Time for measuring how long something takes.

#ifndef COGDIST_RUNTIME_CLOCK_H_
#define COGDIST_RUNTIME_CLOCK_H_

#include <chrono>

namespace cogdist {

// Seconds since some moment in the past. Unlike the time of day, which absl's
// clock tells, it never jumps when the machine's clock is set, so differences
// are durations.
inline double MonotonicSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CLOCK_H_
