// How long collectives beside the computation take, and how much of that the
// computation waits for.

#ifndef COGDIST_PARALLEL_TRAFFIC_TIMER_H_
#define COGDIST_PARALLEL_TRAFFIC_TIMER_H_

#include "runtime/stream.h"

namespace cogdist {

class TrafficTimer {
 public:
  // Both outlive it.
  TrafficTimer(Stream& compute, Stream& communication)
      : compute_(compute), communication_(communication) {}

  // Before a collective is enqueued.
  void Begin();
  // Makes the compute stream wait for `event`. A host's stream runs kernels in
  // the caller's thread, which would wait in the next one: it waits here, where
  // it is timed. Elsewhere only WaitOnHost() is timed.
  void Wait(const Event& event);
  // Lets the host wait for both streams; what the compute stream takes is not
  // waiting.
  void WaitOnHost();

  struct Totals {
    // In which the communication stream had work, as seen from the calls above.
    double busy_seconds = 0;
    double waited_seconds = 0;  // for it
  };
  // Since the last call.
  Totals Take();

 private:
  // Notices when the communication stream has become idle.
  void Look();

  Stream& compute_;
  Stream& communication_;
  bool busy_ = false;
  double busy_since_ = 0;
  Totals totals_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_TRAFFIC_TIMER_H_
