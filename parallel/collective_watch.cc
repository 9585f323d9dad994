#include "parallel/collective_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/check.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

constexpr double kLookEverySeconds = 0.2;
// Long enough for a rank that waits to have polled, on a crowded machine, too;
// and short beside the time for which it has been waiting.
double PauseFor(double timeout_seconds) {
  return std::clamp(timeout_seconds / 3, 0.5, 2.0);
}

// One write, so that lines of several ranks do not mix.
void PrintAndLeave(const std::string& message) {
  absl::string_view rest = message;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) break;
    rest.remove_prefix(written);
  }
  std::_Exit(1);
}

}  // namespace

CollectiveWatch::CollectiveWatch(Ledger& ledger, Options options)
    : ledger_(ledger),
      options_(std::move(options)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  COG_CHECK(stop_.valid());
  for (int rank = 0; rank < static_cast<int>(ledger.ranks().size()); ++rank) {
    const RankIdentity& identity = ledger.ranks()[rank];
    if (rank == ledger.rank() || !identity.here) continue;
    peers_.push_back({rank, OpenProcess(identity.process), true});
  }
  // Signals are for the rank's own thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CollectiveWatch::~CollectiveWatch() {
  const uint64_t one = 1;
  COG_CHECK_EQ(write(stop_.get(), &one, sizeof(one)),
               static_cast<ssize_t>(sizeof(one)));
  thread_.join();
}

void CollectiveWatch::Run() {
  CurrentRankTag().rank = ledger_.rank();
  while (true) {
    const double start = MonotonicSeconds();
    if (!Sleep()) return;
    WasStopped(start, kLookEverySeconds);
    if (TellOfGone() || TellOfBackground() || TellOfTimeout()) return;
  }
}

bool CollectiveWatch::WasStopped(double start, double seconds) {
  const double now = MonotonicSeconds();
  const double more = std::max(1.0, options_.timeout_seconds / 2);
  if (now - start < seconds + more) return false;
  awake_since_ = now;
  return true;
}

bool CollectiveWatch::Sleep() {
  std::vector<pollfd> events = {{stop_.get(), POLLIN, 0}};
  for (const Peer& peer : peers_) {
    // poll() passes over what is not a descriptor.
    events.push_back({peer.process.get(), POLLIN, 0});
  }
  poll(events.data(), events.size(), static_cast<int>(1e3 * kLookEverySeconds));
  for (size_t i = 0; i < peers_.size(); ++i) {
    peers_[i].changed = !peers_[i].process.valid() || events[i + 1].revents;
  }
  return events[0].revents == 0;
}

bool CollectiveWatch::TellOfGone() {
  for (size_t i = 0; i < peers_.size();) {
    const int rank = peers_[i].rank;
    if (!peers_[i].changed ||
        StateOf(ledger_.ranks()[rank].process) != ProcessState::kGone) {
      ++i;
      continue;
    }
    if (ledger_.Read(rank).phase == Ledger::Phase::kRunning &&
        !AnotherHasTold()) {
      Tell(ReportGone(ledger_, LookAtRanks(ledger_, absl::ZeroDuration()),
                      rank));
      return true;
    }
    peers_.erase(peers_.begin() + i);
  }
  return false;
}

bool CollectiveWatch::AnotherHasTold() const {
  for (int rank = 0; rank < static_cast<int>(ledger_.ranks().size()); ++rank) {
    if (rank != ledger_.rank() && ledger_.ranks()[rank].here &&
        ledger_.Read(rank).phase == Ledger::Phase::kLeaving) {
      return true;
    }
  }
  return false;
}

bool CollectiveWatch::TellOfBackground() {
  const std::string failure = ledger_.FailureInBackground();
  // Libraries also notice when a rank that has told leaves.
  if (failure.empty() || AnotherHasTold()) return false;
  Tell(ReportBackground(ledger_, LookAtRanks(ledger_, absl::ZeroDuration()),
                        failure));
  return true;
}

bool CollectiveWatch::TellOfTimeout() {
  const int lane = Overdue();
  if (lane < 0) return false;
  const double start = MonotonicSeconds();
  const double pause = PauseFor(options_.timeout_seconds);
  const std::vector<RankView> ranks =
      LookAtRanks(ledger_, absl::Seconds(pause));
  if (WasStopped(start, pause)) return false;
  if (Overdue() != lane) return false;  // it has just ended
  // If this rank's own thread hangs, the others wait for that. They see it as
  // long as the rank has not told: it lets them.
  if (!ranks[ledger_.rank()].responds) absl::SleepFor(absl::Seconds(pause));
  Tell(ReportTimeout(ledger_, ranks, lane, options_.timeout_seconds));
  return true;
}

int CollectiveWatch::Overdue() {
  ledger_.Refresh();
  const Ledger::RowState row = ledger_.Read(ledger_.rank());
  const double now = MonotonicSeconds();
  int oldest = -1;
  for (int i = 0; i < static_cast<int>(row.lanes.size()); ++i) {
    const Ledger::LaneState& lane = row.lanes[i];
    const double waits = now - std::max(lane.since, awake_since_);
    if (!lane.active() || waits < options_.timeout_seconds) continue;
    if (oldest < 0 || lane.since < row.lanes[oldest].since) oldest = i;
  }
  return oldest;
}

void CollectiveWatch::Tell(const FailureReport& report) {
  // The first rank of the node tells everything, the others a line.
  const std::string details = ledger_.Claim() ? report.details : "";
  ledger_.SetPhase(Ledger::Phase::kLeaving);
  const std::string message =
      absl::StrCat("cogdist: error: ", report.headline, "\n", details);
  if (options_.on_failure != nullptr) {
    options_.on_failure(message);
  } else {
    PrintAndLeave(message);
  }
}

}  // namespace cogdist
