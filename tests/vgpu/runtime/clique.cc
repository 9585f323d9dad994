#include "tests/vgpu/runtime/clique.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

std::chrono::steady_clock::time_point Deadline(const Machine& machine) {
  return std::chrono::steady_clock::now() +
         std::chrono::microseconds(static_cast<int64_t>(
             machine.options().collective_timeout_seconds * 1e6));
}

}  // namespace

Clique::Clique(Machine& machine, int number, int size)
    : machine_(machine), number_(number), ranks_(size) {}

bool Clique::Join(int rank, int device) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (const Rank& other : ranks_) {
    if (other.joined && other.device == device) {
      Fail(absl::StrCat("two ranks on device ", device));
    }
  }
  if (ranks_[rank].joined) Fail(absl::StrCat("two processes are rank ", rank));
  ranks_[rank].joined = true;
  ranks_[rank].device = device;
  changed_.notify_all();
  const auto complete = [&] {
    return !failure_.empty() ||
           std::all_of(ranks_.begin(), ranks_.end(),
                       [](const Rank& other) { return other.joined; });
  };
  if (!changed_.wait_until(lock, Deadline(machine_), complete)) {
    Fail("ranks are missing when the communicator is made");
  }
  return failure_.empty();
}

int64_t Clique::NumberOf(int rank, const CollectiveCall& call) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Rank& self = ranks_[rank];
  if (call.kind == CollectiveKind::kSend) return self.sends[call.peer]++;
  if (call.kind == CollectiveKind::kReceive) return self.receives[call.peer]++;
  return self.collectives++;
}

Clique::Place Clique::PlaceOf(int rank, const Posting& posting) const {
  const CollectiveCall& call = posting.call;
  if (call.kind == CollectiveKind::kSend) {
    return {rank, call.peer, posting.number};
  }
  if (call.kind == CollectiveKind::kReceive) {
    return {call.peer, rank, posting.number};
  }
  return {-1, -1, posting.number};
}

int Clique::Expected(const Place& place) const {
  return std::get<0>(place) >= 0 ? 2 : size();
}

void Clique::Post(int rank, const Posting& posting) {
  const Place place = PlaceOf(rank, posting);
  Meeting& meeting = meetings_[place];
  meeting.calls[rank] = posting.call;
  ranks_[rank].pending.push_back(posting.call.ToString());
  if (static_cast<int>(meeting.calls.size()) == Expected(place)) {
    Complete(meeting);
  }
}

void Clique::Meet(int rank, const std::vector<Posting>& postings) {
  if (machine_.IsLost(ranks_[rank].device)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  for (const Posting& posting : postings) {
    if (failure_.empty()) Post(rank, posting);
  }
  const auto complete = [&] {
    return !failure_.empty() ||
           std::all_of(postings.begin(), postings.end(),
                       [&](const Posting& posting) {
                         return meetings_[PlaceOf(rank, posting)].done;
                       });
  };
  if (!changed_.wait_until(lock, Deadline(machine_), complete)) {
    Fail("ranks have waited too long for each other");
  }
  if (!failure_.empty()) return;
  for (const Posting& posting : postings) {
    const Place place = PlaceOf(rank, posting);
    if (++meetings_[place].left == Expected(place)) meetings_.erase(place);
  }
  ranks_[rank].pending.clear();
  if (!postings.empty()) {
    ranks_[rank].latest = postings.back().call.ToString();
  }
}

void Clique::Complete(Meeting& meeting) {
  std::vector<CollectiveCall> calls;
  for (const auto& [rank, call] : meeting.calls) {
    calls.push_back(call);
    if (!Agree(call, calls[0])) return Fail("the ranks' calls disagree");
  }
  const std::lock_guard lock(machine_.all_batons());
  if (calls[0].point_to_point()) {
    const bool first_sends = calls[0].kind == CollectiveKind::kSend;
    const CollectiveCall& sent = calls[first_sends ? 0 : 1];
    const CollectiveCall& received = calls[first_sends ? 1 : 0];
    if (sent.Bytes() > 0) {
      std::memmove(received.receive, sent.send, sent.Bytes());
    }
  } else if (calls[0].count > 0) {
    Execute(calls);
  }
  meeting.done = true;
  changed_.notify_all();
}

std::string Clique::WhereAllAre() const {
  std::string text;
  for (int i = 0; i < size(); ++i) {
    const Rank& rank = ranks_[i];
    absl::StrAppend(&text, "\n  rank ", i, ": ");
    if (!rank.joined) {
      absl::StrAppend(&text, "has not joined");
    } else if (rank.pending.empty()) {
      absl::StrAppend(&text, "nothing pending, after ", rank.latest);
    } else {
      absl::StrAppend(&text, absl::StrJoin(rank.pending, "; "));
    }
  }
  return text;
}

void Clique::Fail(const std::string& headline) {
  if (!failure_.empty()) return;
  failure_ = absl::StrCat("NCCL communicator ", number_, ": ", headline, ":",
                          WhereAllAre());
  machine_.Report(failure_);
  for (const Rank& rank : ranks_) {
    if (rank.joined) machine_.SetBroken(rank.device);
  }
  changed_.notify_all();
}

void Clique::Abort(int rank) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Fail(absl::StrCat("rank ", rank, " has aborted it"));
}

bool Clique::failed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !failure_.empty();
}

std::string Clique::failure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

}  // namespace cogdist::vgpu
