#include "parallel/failure_report.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "parallel/rank_list.h"
#include "runtime/check.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

// Lines of one report: of more ranks only the numbers are told.
constexpr int kMaxLines = 16;

int64_t Activity(const Ledger::RowState& row) {
  int64_t sum = 0;
  for (const Ledger::LaneState& lane : row.lanes) {
    sum += lane.begun + lane.finished + lane.polls;
  }
  return sum;
}

const Ledger::LaneState* FindLane(const Ledger::RowState& row,
                                  absl::string_view name) {
  for (const Ledger::LaneState& lane : row.lanes) {
    if (lane.name == name) return &lane;
  }
  return nullptr;
}

// The operation that a rank waits in: of those under way the oldest; else the
// one that it ended last; null before the first.
const Ledger::LaneState* CurrentLane(const Ledger::RowState& row) {
  const Ledger::LaneState* current = nullptr;
  for (const Ledger::LaneState& lane : row.lanes) {
    if (lane.begun == 0) continue;
    if (current == nullptr || lane.active() > current->active() ||
        (lane.active() == current->active() &&
         (lane.active() ? lane.since < current->since
                        : lane.since > current->since))) {
      current = &lane;
    }
  }
  return current;
}

// "all-reduce of 1024 elements (operation 12 of group replicas)".
std::string Describe(const Ledger::LaneState& lane) {
  const int to = lane.entry.to, from = lane.entry.from;
  std::string text(Name(lane.entry.operation));
  if (to >= 0 && from >= 0) {
    absl::StrAppend(&text, "s to rank ", to, " and from rank ", from);
  } else if (to >= 0) {
    absl::StrAppend(&text, " to rank ", to);
  } else if (from >= 0) {
    absl::StrAppend(&text, " from rank ", from);
  }
  if (lane.entry.elements > 0) {
    absl::StrAppend(&text, " of ", lane.entry.elements, " elements");
  }
  absl::StrAppend(&text, " (operation ", lane.begun, " of group ", lane.name,
                  ")");
  return text;
}

std::string Seconds(double seconds) {
  return absl::StrFormat("%.1f s", std::max(seconds, 0.0));
}

// What a rank does, from its row.
std::string Doing(const RankView& rank) {
  if (!rank.row.known) return "what it does is not known";
  const Ledger::LaneState* const lane = CurrentLane(rank.row);
  if (lane == nullptr) return "before its first operation";
  const double age = MonotonicSeconds() - lane->since;
  return lane->active()
             ? absl::StrCat("step ", lane->step, ", for ", Seconds(age), " in ",
                            Describe(*lane))
             : absl::StrCat("step ", rank.row.step, ", ", Seconds(age),
                            " after ", Describe(*lane));
}

std::string Who(const RankView& rank) {
  return absl::StrCat("rank ", rank.rank, " (process ",
                      rank.identity.process.pid, " on ", rank.identity.host,
                      ")");
}

struct Line {
  int rank = 0;
  std::string reason;
  bool culprit = true;  // false: it may wait for somebody itself
};

// Why others wait for `rank`, whatever they wait in; without a reason where
// nothing speaks for it.
Line Stuck(const RankView& rank) {
  // A rank that has told of the failure has left, or will now.
  if (rank.row.phase == Ledger::Phase::kLeaving) return {rank.rank};
  if (rank.state == ProcessState::kGone) return {rank.rank, "is gone"};
  if (rank.state == ProcessState::kStopped) {
    return {rank.rank, "is stopped by a signal"};
  }
  if (!rank.row.known || rank.responds) return {rank.rank};
  return {rank.rank, "does not respond"};
}

// Why `rank` keeps the operation from ending.
Line Missing(const RankView& rank, const Ledger::LaneState& mine) {
  Line line = Stuck(rank);
  if (!rank.row.known || !mine.entry.collective()) return line;
  const Ledger::LaneState* const lane = FindLane(rank.row, mine.name);
  if (lane != nullptr && lane->begun >= mine.begun) return line;
  if (line.reason.empty()) {
    return {rank.rank, "has not arrived", /*culprit=*/false};
  }
  if (rank.state == ProcessState::kAlive) {
    line.reason = "has not arrived and does not respond";
  }
  return line;
}

void SleepAndRefresh(Ledger& ledger, absl::Duration pause) {
  const absl::Time end = absl::Now() + pause;
  while (absl::Now() < end) {
    absl::SleepFor(std::min(pause, absl::Milliseconds(100)));
    ledger.Refresh();
  }
}

std::vector<int> RanksOf(const std::vector<Line>& lines) {
  std::vector<int> ranks;
  for (const Line& line : lines) ranks.push_back(line.rank);
  return ranks;
}

std::vector<int> Culprits(const std::vector<Line>& lines) {
  std::vector<int> culprits;
  for (const Line& line : lines) {
    if (line.culprit) culprits.push_back(line.rank);
  }
  return culprits;
}

// Whom the operation waits for, from the lines of its members. Where they only
// wait themselves, it is held up from outside; that rank is added to `lines`.
std::string Blame(const std::vector<RankView>& ranks,
                  std::vector<Line>& lines) {
  const std::vector<int> culprits = Culprits(lines);
  if (!culprits.empty()) return absl::StrCat("missing: ", RankList(culprits));
  const std::vector<int> waiting = RanksOf(lines);
  std::vector<Line> outside;
  for (const RankView& rank : ranks) {
    Line line = Stuck(rank);
    if (!line.reason.empty()) outside.push_back(std::move(line));
  }
  lines.insert(lines.begin(), outside.begin(), outside.end());
  if (!outside.empty()) {
    return absl::StrCat("held up by ", RankList(RanksOf(outside)));
  }
  if (!waiting.empty()) return absl::StrCat("missing: ", RankList(waiting));
  return "all ranks that are seen from here take part";
}

std::string Details(const std::vector<RankView>& ranks,
                    const std::vector<Line>& lines) {
  std::string text;
  for (size_t i = 0; i < lines.size() && i < kMaxLines; ++i) {
    const RankView& rank = ranks[lines[i].rank];
    absl::StrAppend(&text, "  ", Who(rank), " ", lines[i].reason, ": ",
                    Doing(rank), "\n");
  }
  if (lines.size() > kMaxLines) {
    absl::StrAppend(&text, "  and ", lines.size() - kMaxLines, " more\n");
  }
  return text;
}

// Members whose rows this node has not got.
std::string Elsewhere(const std::vector<RankView>& ranks,
                      const std::vector<int>& members) {
  std::vector<int> numbers;
  std::set<std::string> hosts;
  for (const int member : members) {
    if (ranks[member].row.known) continue;
    numbers.push_back(member);
    hosts.insert(ranks[member].identity.host);
  }
  if (numbers.empty()) return "";
  if (numbers.size() > kMaxLines) numbers.resize(kMaxLines);
  return absl::StrCat("  not known here: ", RankList(numbers), " on ",
                      absl::StrJoin(hosts, ", "),
                      "; each node has a ledger of its own\n");
}

// What more could be found out, and how.
std::string Advice(const Ledger::LaneState& lane) {
  return lane.entry.operation == Operation::kRecordedStep
             ? "; with cuda_graph: false the step's collectives are told apart"
             : "";
}

}  // namespace

std::vector<RankView> LookAtRanks(Ledger& ledger, absl::Duration pause) {
  std::vector<RankView> views;
  for (size_t rank = 0; rank < ledger.ranks().size(); ++rank) {
    const RankIdentity& identity = ledger.ranks()[rank];
    views.push_back({.rank = static_cast<int>(rank),
                     .identity = identity,
                     .row = ledger.Read(rank)});
    if (identity.here) views.back().state = StateOf(identity.process);
  }
  SleepAndRefresh(ledger, pause);
  for (RankView& view : views) {
    const Ledger::RowState later = ledger.Read(view.rank);
    view.responds = Activity(later) != Activity(view.row);
    view.row = later;
  }
  return views;
}

FailureReport ReportTimeout(const Ledger& ledger,
                            const std::vector<RankView>& ranks, int lane,
                            double timeout_seconds) {
  const RankView& self = ranks[ledger.rank()];
  const Ledger::LaneState& mine = self.row.lanes[lane];
  std::vector<int> members = ledger.Members(lane);
  if (!mine.entry.collective()) {
    members = {ledger.rank()};
    for (const int peer : {mine.entry.to, mine.entry.from}) {
      if (peer >= 0 && peer != members.back()) members.push_back(peer);
    }
  }
  std::vector<Line> lines;
  for (const int member : members) {
    Line line = Missing(ranks[member], mine);
    if (!line.reason.empty()) lines.push_back(std::move(line));
  }
  const std::string blame = Blame(ranks, lines);
  return {.headline = absl::StrCat(
              "rank ", self.rank, ", step ", mine.step, ": ", Describe(mine),
              " has not ended for ", Seconds(MonotonicSeconds() - mine.since),
              " (resilience.collective_timeout_seconds: ", timeout_seconds,
              "); ", blame, Advice(mine)),
          .details =
              absl::StrCat(Details(ranks, lines), Elsewhere(ranks, members))};
}

FailureReport ReportGone(const Ledger& ledger,
                         const std::vector<RankView>& ranks, int gone) {
  const RankView& self = ranks[ledger.rank()];
  std::vector<Line> lines;
  for (const RankView& rank : ranks) {
    if (rank.rank == gone || !rank.identity.here) continue;
    const char* const reason =
        rank.state == ProcessState::kGone      ? "is gone, too"
        : rank.state == ProcessState::kStopped ? "is stopped by a signal"
                                               : "is there";
    lines.push_back({rank.rank, reason});
  }
  return {.headline =
              absl::StrCat("rank ", self.rank, ", step ", self.row.step, ": ",
                           Who(ranks[gone]), " is gone: ", Doing(ranks[gone])),
          .details = Details(ranks, lines)};
}

FailureReport ReportBackground(const Ledger& ledger,
                               const std::vector<RankView>& ranks,
                               absl::string_view failure) {
  const RankView& self = ranks[ledger.rank()];
  return {.headline = absl::StrCat("rank ", self.rank, ", step ", self.row.step,
                                   ": ", failure, ": ", Doing(self))};
}

}  // namespace cogdist
