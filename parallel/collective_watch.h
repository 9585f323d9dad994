// Ends a job that cannot go on, and says why: an operation that takes too long,
// or a rank whose process is gone. A launcher gives the survivors of a dead
// rank about a second, and the rank's own thread may be deep inside a kernel;
// so a thread watches, asleep but for a look at the ledger a few times a
// second. It calls no MPI and no CUDA: both may block, or be held by the rank's
// thread, just when something hangs.

#ifndef COGDIST_PARALLEL_COLLECTIVE_WATCH_H_
#define COGDIST_PARALLEL_COLLECTIVE_WATCH_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "parallel/failure_report.h"
#include "parallel/ledger.h"
#include "runtime/unique_fd.h"

namespace cogdist {

class CollectiveWatch {
 public:
  struct Options {
    double timeout_seconds = 600;
    // Called once, on the watching thread, with the whole message; null: prints
    // it to stderr and leaves the process with code 1, upon which launchers end
    // the others.
    std::function<void(const std::string& message)> on_failure = nullptr;
  };

  // Watches from now on; `ledger` outlives it.
  CollectiveWatch(Ledger& ledger, Options options);
  // Stops watching.
  ~CollectiveWatch();
  CollectiveWatch(const CollectiveWatch&) = delete;
  CollectiveWatch& operator=(const CollectiveWatch&) = delete;

 private:
  struct Peer {
    int rank;
    UniqueFd process;
    bool changed;  // or without a descriptor: its state is to be looked up
  };

  void Run();
  // Whether what took `seconds` by itself, and began at `start`, took so long
  // that the process must have been stopped, as schedulers do with whole jobs.
  // Then this rank waits anew: what its peers did meanwhile, and whether they
  // were stopped, too, it cannot know.
  bool WasStopped(double start, double seconds);
  // Sleeps until the next look; false: the watch is over.
  bool Sleep();
  // Each returns true when it has found something and told it.
  bool TellOfGone();
  bool TellOfBackground();
  bool TellOfTimeout();
  // Of this node, of a failure. The launcher ends the others then, and a rank
  // that is gone may be one of them.
  bool AnotherHasTold() const;
  // The lane of this rank's operation that has taken too long; -1: none.
  int Overdue();
  void Tell(const FailureReport& report);

  Ledger& ledger_;
  const Options options_;
  UniqueFd stop_;            // an event
  std::vector<Peer> peers_;  // other ranks of this node that still matter
  double awake_since_ = 0;   // MonotonicSeconds() when it was last stopped
  std::thread thread_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_COLLECTIVE_WATCH_H_
