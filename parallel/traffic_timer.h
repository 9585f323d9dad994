// How long collectives beside the computation take, and how much of that the
// computation waits for.

#ifndef COGDIST_PARALLEL_TRAFFIC_TIMER_H_
#define COGDIST_PARALLEL_TRAFFIC_TIMER_H_

#include "runtime/stream.h"

namespace cogdist {

// Times what a host's streams do: their kernels run in the caller's thread, so
// the caller's clock sees them. Streams that run by themselves are ordered
// alike, but not timed, since the host would have to wait for them.
class TrafficTimer {
 public:
  // Both outlive it.
  TrafficTimer(Stream& compute, Stream& communication)
      : compute_(compute),
        communication_(communication),
        timed_(compute.runs_in_caller()) {}

  // Before a collective is enqueued.
  void Begin();
  // Makes the compute stream wait for `event`. A host's stream would wait in
  // the next kernel: it waits here, where it is timed.
  void Wait(const Event& event);
  // Likewise for all that is on the communication stream; what the compute
  // stream itself takes is not waiting.
  void WaitForAll();

  struct Totals {
    // In which the communication stream had work, as seen from the calls above.
    double busy_seconds = 0;
    double waited_seconds = 0;  // for it
  };
  // Since the last call; zeros where nothing is timed.
  Totals Take();

 private:
  // Notices when the communication stream has become idle.
  void Look();

  Stream& compute_;
  Stream& communication_;
  const bool timed_;
  bool busy_ = false;
  double busy_since_ = 0;
  Totals totals_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_TRAFFIC_TIMER_H_
