#include "launcher/stop_request.h"

#include <atomic>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

// Globals, because a signal handler gets no argument through which it could
// reach anything else. Written by the handler, 0 without a request; lock-free,
// and so safe there.
std::atomic<int> requested_signal = 0;
std::atomic<double> first_interrupt = 0;  // SIGINT, on the monotonic clock
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<double>::is_always_lock_free);

// Whether a StopRequest lives. It is here to find a second one, nothing else.
std::atomic<bool> installed = false;

struct StopSignal {
  int number;
  const char* name;
};
constexpr StopSignal kStopSignals[] = {
    {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}};

// Later SIGINTs mean it, unless one comes right behind the first.
void EndIfInsistent() {
  constexpr double kSameRequestSeconds = 1;
  const double now = MonotonicSeconds();
  double never = 0;
  if (first_interrupt.compare_exchange_strong(never, now)) return;
  if (now - first_interrupt < kSameRequestSeconds) return;
  signal(SIGINT, SIG_DFL);
  raise(SIGINT);  // takes effect on return from the handler
}

void OnStopSignal(int number) {
  int none = 0;
  requested_signal.compare_exchange_strong(none, number);
  if (number == SIGINT) EndIfInsistent();
}

}  // namespace

StopRequest::StopRequest(double time_limit_seconds)
    : time_limit_seconds_(time_limit_seconds),
      deadline_(time_limit_seconds > 0
                    ? MonotonicSeconds() + time_limit_seconds
                    : std::numeric_limits<double>::infinity()) {
  COG_CHECK(!installed.exchange(true), "two StopRequests at a time");
  requested_signal = 0;
  first_interrupt = 0;
  for (size_t i = 0; i < previous_.size(); ++i) {
    struct sigaction action = {};
    action.sa_handler = OnStopSignal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(kStopSignals[i].number, &action, &previous_[i]);
  }
}

StopRequest::~StopRequest() {
  for (size_t i = 0; i < previous_.size(); ++i) {
    sigaction(kStopSignals[i].number, &previous_[i], nullptr);
  }
  installed = false;
}

int StopRequest::signal() const { return requested_signal; }

std::string StopRequest::reason() const {
  for (const StopSignal& stop : kStopSignals) {
    if (stop.number == signal()) return stop.name;
  }
  if (!TimeIsUp()) return "";
  return absl::StrCat("the time limit of ", time_limit_seconds_, " s");
}

bool StopRequest::TimeIsUp() const { return MonotonicSeconds() >= deadline_; }

}  // namespace cogdist
