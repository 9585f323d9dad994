#include "parallel/traffic_timer.h"

#include <utility>

#include "runtime/clock.h"

namespace cogdist {

void TrafficTimer::Begin() {
  if (!timed_) return;
  Look();
  if (busy_) return;
  busy_ = true;
  busy_since_ = MonotonicSeconds();
}

void TrafficTimer::Wait(const Event& event) {
  if (!timed_) return compute_.Wait(event);
  if (!event.Done()) {
    const double start = MonotonicSeconds();
    compute_.Wait(event);
    compute_.Synchronize();
    totals_.waited_seconds += MonotonicSeconds() - start;
  }
  Look();
}

void TrafficTimer::WaitForAll() {
  if (timed_) compute_.Synchronize();
  Wait(communication_.Record());
}

TrafficTimer::Totals TrafficTimer::Take() {
  Look();
  if (busy_) {
    const double now = MonotonicSeconds();
    totals_.busy_seconds += now - std::exchange(busy_since_, now);
  }
  return std::exchange(totals_, {});
}

void TrafficTimer::Look() {
  if (!busy_ || !communication_.Record().Done()) return;
  busy_ = false;
  totals_.busy_seconds += MonotonicSeconds() - busy_since_;
}

}  // namespace cogdist
