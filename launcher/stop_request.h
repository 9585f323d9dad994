// Requests to stop the run in good order: signals and the time limit.

#ifndef COGDIST_LAUNCHER_STOP_REQUEST_H_
#define COGDIST_LAUNCHER_STOP_REQUEST_H_

#include <signal.h>

#include <array>
#include <string>

namespace cogdist {

// While it lives, SIGTERM, SIGINT and SIGUSR1 ask for a stop instead of ending
// the process; the first one counts. A SIGINT a second after another (Ctrl-C
// once more) ends the process at once; sooner it is the same one, passed on by
// a launcher to a process that the terminal has told already. Destruction
// restores how the signals were handled.
//
// One at a time in a process. Threads may share it: ranks that are threads of
// one process all see the request.
class StopRequest {
 public:
  // A stop is also requested this many seconds from now. 0: no limit.
  explicit StopRequest(double time_limit_seconds = 0);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  // The signal that asked first, or 0.
  int signal() const;

  // For messages: "SIGTERM", "the time limit of 60 s", or "" without a request.
  // Cheap enough for every step.
  std::string reason() const;

 private:
  bool TimeIsUp() const;

  double time_limit_seconds_;
  double deadline_;  // on the monotonic clock, in seconds
  std::array<struct sigaction, 3> previous_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_STOP_REQUEST_H_
