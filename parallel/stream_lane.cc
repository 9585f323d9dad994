#include "parallel/stream_lane.h"

#include <algorithm>

#include "runtime/check.h"

namespace cogdist {
namespace {

// More than a device's queue holds. Where nobody watches, the thread refreshes.
constexpr size_t kMostWaiting = 4096;

}  // namespace

StreamLane::StreamLane(Ledger& ledger, Ledger::Lane lane, const Marks& marks)
    : ledger_(ledger), lane_(lane), marks_(marks) {
  const std::lock_guard<std::mutex> lock(ledger_.mutex_);
  ledger_.stream_lanes_.push_back(this);
}

StreamLane::~StreamLane() {
  Refresh();
  const std::lock_guard<std::mutex> lock(ledger_.mutex_);
  std::erase(ledger_.stream_lanes_, this);
}

void StreamLane::OnStream(GpuStream& stream, const Ledger::Entry& entry,
                          absl::FunctionRef<void()> enqueue) {
  const int64_t number = Enqueue(entry);
  stream.WriteWhenReached(marks_.begun, number);
  enqueue();
  stream.WriteWhenReached(marks_.finished, number);
}

int64_t StreamLane::Enqueue(const Ledger::Entry& entry) {
  const int64_t step = CurrentRankTag().step;
  ledger_.SetStep(step);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.size() >= kMostWaiting) RefreshLocked();
  waiting_.push_back({entry, step});
  return ++enqueued_;
}

void StreamLane::Refresh() {
  const std::lock_guard<std::mutex> lock(mutex_);
  RefreshLocked();
}

void StreamLane::RefreshLocked() {
  // In this order: what has finished has begun.
  const int64_t finished = marks_.finished.load(std::memory_order_acquire);
  const int64_t begun = marks_.begun.load(std::memory_order_acquire);
  for (; begun_ < begun; ++begun_) {
    lane_.Begin(waiting_.front().entry, waiting_.front().step);
    waiting_.pop_front();
  }
  // Marks of several streams may overtake each other.
  for (; finished_ < std::min(finished, begun_); ++finished_) lane_.End();
  if (finished_ < begun_) lane_.Poll();
}

}  // namespace cogdist
