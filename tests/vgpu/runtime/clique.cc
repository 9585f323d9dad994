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

constexpr char kTooLong[] = "ranks have waited too long for each other";

}  // namespace

std::string Clique::Operation::Calls() const {
  return absl::StrJoin(calls, "; ", [](std::string* out, const auto& call) {
    out->append(call.ToString());
  });
}

std::string Clique::Operation::ToString() const {
  return absl::StrCat(Calls(), ", on ", stream);
}

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
  return WaitUntil(
      lock, "ranks are missing when the communicator is made", [this] {
        return std::all_of(ranks_.begin(), ranks_.end(),
                           [](const Rank& other) { return other.joined; });
      });
}

void Clique::Depart(int rank) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (machine_.IsLost(ranks_[rank].device)) return;
  ranks_[rank].departs = true;
  changed_.notify_all();
  WaitUntil(lock, "ranks are missing when the communicator is destroyed",
            [this] {
              return std::all_of(ranks_.begin(), ranks_.end(),
                                 [](const Rank& rank) { return rank.departs; });
            });
}

int64_t Clique::Issue(int rank, const std::vector<CollectiveCall>& calls,
                      const std::string& stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Rank& self = ranks_[rank];
  const int64_t turn = self.issued++;
  // Nobody waits behind what a lost device will not do.
  if (machine_.IsLost(self.device)) return turn;
  self.operations.push_back({.turn = turn, .calls = calls, .stream = stream});
  return turn;
}

void Clique::AwaitTurn(int rank, int64_t turn) {
  Rank& self = ranks_[rank];
  if (machine_.IsLost(self.device)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  std::deque<Operation>& operations = self.operations;
  operations[turn - operations.front().turn].arrived = true;
  WaitUntil(lock, kTooLong, [&] { return operations.front().turn == turn; });
}

void Clique::Meet(int rank) {
  Rank& self = ranks_[rank];
  if (machine_.IsLost(self.device)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  if (!failure_.empty()) return;
  const Operation& operation = self.operations.front();
  std::vector<Place> places;
  for (const CollectiveCall& call : operation.calls) {
    places.push_back(NextPlace(rank, call));
    Post(rank, places.back(), call);
  }
  const bool met = WaitUntil(lock, kTooLong, [&] {
    return std::all_of(
        places.begin(), places.end(),
        [this](const Place& place) { return meetings_[place].done; });
  });
  if (!met) return;
  for (const Place& place : places) Leave(place);
  self.latest = operation.ToString();
  self.operations.pop_front();
  changed_.notify_all();
}

Clique::Place Clique::NextPlace(int rank, const CollectiveCall& call) {
  Rank& self = ranks_[rank];
  if (call.kind == CollectiveKind::kSend) {
    return {rank, call.peer, self.sends[call.peer]++};
  }
  if (call.kind == CollectiveKind::kReceive) {
    return {call.peer, rank, self.receives[call.peer]++};
  }
  return {-1, -1, self.collectives++};
}

int Clique::Expected(const Place& place) const {
  return std::get<0>(place) >= 0 ? 2 : size();
}

void Clique::Post(int rank, const Place& place, const CollectiveCall& call) {
  Meeting& meeting = meetings_[place];
  meeting.calls[rank] = call;
  if (static_cast<int>(meeting.calls.size()) == Expected(place)) {
    Complete(meeting);
  }
}

void Clique::Leave(const Place& place) {
  if (++meetings_[place].left == Expected(place)) meetings_.erase(place);
}

bool Clique::WaitUntil(std::unique_lock<std::mutex>& lock, const char* headline,
                       const std::function<bool()>& done) {
  const auto ended = [&] { return !failure_.empty() || done(); };
  if (!changed_.wait_until(lock, Deadline(machine_), ended)) Fail(headline);
  return failure_.empty();
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

std::string Clique::WhereIs(const Rank& rank) {
  if (!rank.joined) return "has not joined";
  if (rank.operations.empty()) {
    return absl::StrCat("nothing pending, after ", rank.latest);
  }
  const Operation& first = rank.operations.front();
  std::string text =
      first.arrived
          ? first.ToString()
          : absl::StrCat(first.stream, " has not come to ", first.Calls());
  for (const Operation& other : rank.operations) {
    if (other.turn == first.turn || !other.arrived) continue;
    absl::StrAppend(&text, "\n    and behind it, in the order of the calls: ",
                    other.ToString());
  }
  return text;
}

void Clique::Fail(const std::string& headline) {
  if (!failure_.empty()) return;
  failure_ = absl::StrCat("NCCL communicator ", number_, ": ", headline, ":");
  for (int i = 0; i < size(); ++i) {
    absl::StrAppend(&failure_, "\n  rank ", i, ": ", WhereIs(ranks_[i]));
    if (!ranks_[i].joined) continue;
    absl::StrAppend(&failure_,
                    machine_.launch_order(ranks_[i].device).Waiting());
  }
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
