// Something that happens once, for any number of threads to wait for. It orders
// the one who sets it before those who have seen it, and nothing else: a mutex
// would also order the waiters before the setter, or before each other, and so
// hide from ThreadSanitizer the very races that it is to find.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_SIGNAL_H_
#define COGDIST_TESTS_VGPU_RUNTIME_SIGNAL_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "tests/vgpu/simt/history.h"

namespace cogdist::vgpu {

// Sleeps while `word` is `value`, or a little less. The kernel's own call: it
// is no synchronisation to ThreadSanitizer.
inline void FutexWait(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
inline void FutexWakeAll(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
}

class Signal {
 public:
  // What has happened before, for the shadow; set before Set().
  simt::Progress progress;

  void Set() {
    state_.store(1, std::memory_order_release);
    FutexWakeAll(state_);
  }
  bool IsSet() const { return state_.load(std::memory_order_acquire) != 0; }
  void Wait() {
    while (!IsSet()) FutexWait(state_, 0);
  }

 private:
  std::atomic<uint32_t> state_{0};
};

// Lets one stream at a time touch memory, without ordering them:
// ThreadSanitizer looks at an access's past, and may miss two that happen in
// the same instant.
class Baton {
 public:
  void lock() {
    while (taken_.exchange(1, std::memory_order_relaxed) != 0) {
      FutexWait(taken_, 1);
    }
  }
  void unlock() {
    taken_.store(0, std::memory_order_relaxed);
    FutexWakeAll(taken_);
  }

 private:
  std::atomic<uint32_t> taken_{0};
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_SIGNAL_H_
