#include "parallel/ring_schedule.h"

#include <algorithm>
#include <limits>

namespace cogdist {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 2;

int64_t LargestPart(int64_t elements, int parts) {
  return (elements + parts - 1) / parts;
}

ElementRange Chunk(const ElementRange& range, int64_t chunk, int64_t index) {
  const int64_t begin = std::min(range.begin + index * chunk, range.end());
  return {begin, std::min(chunk, range.end() - begin)};
}

// Part `index`, counted round the ring, so that -1 is the last.
ElementRange PartOnRing(int64_t elements, int size, int index) {
  return EvenPart(elements, size, ((index % size) + size) % size);
}

}  // namespace

RingSchedule::RingSchedule(const Group& group, int64_t largest_range)
    : to_((group.rank + 1) % group.size),
      from_((group.rank + group.size - 1) % group.size),
      chunk_(group.chunk),
      chunks_((largest_range + group.chunk - 1) / group.chunk),
      send_lag_(chunks_),
      receive_lag_(kNever) {}

void RingSchedule::AddReduceScatter(const Group& group, int64_t elements) {
  const auto [rank, size, chunk] = group;
  for (int step = 0; step < size - 1; ++step) {
    steps_.push_back({.send = PartOnRing(elements, size, rank - step - 1),
                      .receive = PartOnRing(elements, size, rank - step - 2),
                      .add = true});
  }
}

void RingSchedule::AddAllGather(const Group& group, int64_t elements) {
  const auto [rank, size, chunk] = group;
  for (int step = 0; step < size - 1; ++step) {
    steps_.push_back({.send = PartOnRing(elements, size, rank - step),
                      .receive = PartOnRing(elements, size, rank - step - 1)});
  }
}

RingSchedule RingSchedule::AllReduce(const Group& group, int64_t elements) {
  RingSchedule schedule(group, LargestPart(elements, group.size));
  schedule.AddReduceScatter(group, elements);
  schedule.AddAllGather(group, elements);
  // Step i of the second half replaces what step i of the first half has sent.
  schedule.receive_lag_ = (group.size - 1) * schedule.chunks_;
  return schedule;
}

RingSchedule RingSchedule::ReduceScatter(const Group& group, int64_t elements) {
  RingSchedule schedule(group, LargestPart(elements, group.size));
  schedule.AddReduceScatter(group, elements);
  return schedule;
}

RingSchedule RingSchedule::AllGather(const Group& group, int64_t elements) {
  RingSchedule schedule(group, LargestPart(elements, group.size));
  schedule.AddAllGather(group, elements);
  return schedule;
}

RingSchedule RingSchedule::Broadcast(const Group& group, int64_t elements,
                                     int root) {
  RingSchedule schedule(group, elements);
  const ElementRange all = {0, elements};
  Item step;
  if (group.rank != root) step.receive = all;
  if (schedule.to_ != root) step.send = all;
  schedule.steps_.push_back(step);
  schedule.send_lag_ = 0;  // each chunk is passed on as soon as it is here
  return schedule;
}

RingSchedule RingSchedule::Send(const Group& group, int64_t elements, int to) {
  RingSchedule schedule(group, elements);
  schedule.to_ = to;
  schedule.steps_.push_back({.send = {0, elements}, .receive = {}});
  return schedule;
}

RingSchedule RingSchedule::Receive(const Group& group, int64_t elements,
                                   int from) {
  RingSchedule schedule(group, elements);
  schedule.from_ = from;
  schedule.steps_.push_back({.send = {}, .receive = {0, elements}});
  return schedule;
}

RingSchedule::Item RingSchedule::item(int64_t k) const {
  const Item& step = steps_[k / chunks_];
  const int64_t index = k % chunks_;
  return {.send = Chunk(step.send, chunk_, index),
          .receive = Chunk(step.receive, chunk_, index),
          .add = step.add};
}

int64_t RingSchedule::SentElements() const {
  int64_t sent = 0;
  for (const Item& step : steps_) sent += step.send.count;
  return sent;
}

}  // namespace cogdist
