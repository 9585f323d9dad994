#include "parallel/collective_schedule.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "runtime/check.h"

namespace cogdist {

// Adds steps part by part, each after the last step of the other direction that
// touched its part: a send passes on what was received last, and a receive
// changes only what has been sent already.
class CollectiveSchedule::Builder {
 public:
  Builder(const Group& group, absl::Span<const int64_t> borders)
      : schedule_(group.chunk), rank_(group.rank), size_(group.size) {
    for (size_t i = 0; i + 1 < borders.size(); ++i) {
      parts_.push_back({.range = PartOf(borders, i)});
    }
  }

  void ReduceScatter(Reduction op, SumOrder order) {
    order == SumOrder::kRing ? RingReduceScatter(op)
                             : PairwiseReduceScatter(op);
  }

  void AllGather() {
    for (int step = 0; step < size_ - 1; ++step) {
      Send(rank_ - step, rank_ + 1);
      Receive(rank_ - step - 1, rank_ - 1, std::nullopt);
    }
  }

  // Of part 0, the only one.
  void Broadcast(int root) {
    if (rank_ != root) Receive(0, rank_ - 1, std::nullopt);
    if (OnRing(rank_ + 1) != root) Send(0, rank_ + 1);
  }

  CollectiveSchedule Build() && { return std::move(schedule_); }

 private:
  struct Part {
    ElementRange range;
    int last_send = kNone;
    int last_receive = kNone;
  };

  void RingReduceScatter(Reduction op) {
    for (int step = 0; step < size_ - 1; ++step) {
      Send(rank_ - step - 1, rank_ + 1);
      Receive(rank_ - step - 2, rank_ - 1, op);
    }
  }

  void PairwiseReduceScatter(Reduction op) {
    COG_CHECK((size_ & (size_ - 1)) == 0, "pairwise sums over ", size_,
              " ranks, which is no power of two");
    for (int distance = 1; distance < size_; distance *= 2) {
      const int partner = rank_ ^ distance;
      // What partners hold are the parts that equal both modulo `distance`.
      for (int i = 0; i < size_; i += 2 * distance) {
        Send(i + partner % (2 * distance), partner);
        Receive(i + rank_ % (2 * distance), partner, op);
      }
    }
  }

  // Parts and ranks are counted round the ring, so that -1 is the last.
  void Send(int part, int to) {
    Part& p = PartAt(part);
    if (p.range.count == 0) return;
    p.last_send = schedule_.sends_.steps.size();
    schedule_.Add(
        schedule_.sends_,
        {.range = p.range, .peer = OnRing(to), .after = p.last_receive});
  }

  void Receive(int part, int from, std::optional<Reduction> reduce) {
    Part& p = PartAt(part);
    if (p.range.count == 0) return;
    p.last_receive = schedule_.receives_.steps.size();
    schedule_.Add(schedule_.receives_, {.range = p.range,
                                        .peer = OnRing(from),
                                        .reduce = reduce,
                                        .after = p.last_send});
  }

  int OnRing(int rank) const { return (rank + 2 * size_) % size_; }
  Part& PartAt(int i) { return parts_[parts_.size() == 1 ? 0 : OnRing(i)]; }

  CollectiveSchedule schedule_;
  const int rank_;
  const int size_;
  std::vector<Part> parts_;
};

CollectiveSchedule CollectiveSchedule::ReduceScatter(
    const Group& group, absl::Span<const int64_t> borders, Reduction op,
    SumOrder order) {
  Builder builder(group, borders);
  builder.ReduceScatter(op, order);
  return std::move(builder).Build();
}

CollectiveSchedule CollectiveSchedule::AllGather(
    const Group& group, absl::Span<const int64_t> borders) {
  Builder builder(group, borders);
  builder.AllGather();
  return std::move(builder).Build();
}

CollectiveSchedule CollectiveSchedule::AllReduce(
    const Group& group, absl::Span<const int64_t> borders, Reduction op,
    SumOrder order) {
  Builder builder(group, borders);
  builder.ReduceScatter(op, order);
  builder.AllGather();
  return std::move(builder).Build();
}

CollectiveSchedule CollectiveSchedule::Broadcast(const Group& group,
                                                 int64_t elements, int root) {
  Builder builder(group, std::array<int64_t, 2>{0, elements});
  builder.Broadcast(root);
  return std::move(builder).Build();
}

CollectiveSchedule CollectiveSchedule::SendRecv(const Group& group,
                                                const Transfer& send,
                                                const Transfer& receive) {
  CollectiveSchedule schedule(group.chunk);
  schedule.Add(schedule.sends_,
               {.range = {0, send.elements}, .peer = send.peer});
  schedule.Add(schedule.receives_,
               {.range = {0, receive.elements}, .peer = receive.peer});
  return schedule;
}

void CollectiveSchedule::Add(Lane& lane, Step step) {
  if (step.range.count == 0) return;
  step.first_message = lane.messages;
  lane.messages += (step.range.count + chunk_ - 1) / chunk_;
  lane.steps.push_back(step);
}

CollectiveSchedule::Message CollectiveSchedule::At(const Lane& lane,
                                                   const Lane& other,
                                                   int64_t k) const {
  const auto next = std::upper_bound(
      lane.steps.begin(), lane.steps.end(), k,
      [](int64_t k, const Step& step) { return k < step.first_message; });
  const Step& step = *std::prev(next);
  const int64_t index = k - step.first_message;
  const int64_t begin = step.range.begin + index * chunk_;
  return {.range = {begin, std::min(chunk_, step.range.end() - begin)},
          .peer = step.peer,
          .reduce = step.reduce,
          .needs = step.after == kNone
                       ? 0
                       : other.steps[step.after].first_message + index + 1};
}

int64_t CollectiveSchedule::SentElements() const {
  int64_t sent = 0;
  for (const Step& step : sends_.steps) sent += step.range.count;
  return sent;
}

bool CollectiveSchedule::Reduces() const {
  return std::any_of(receives_.steps.begin(), receives_.steps.end(),
                     [](const Step& step) { return step.reduce.has_value(); });
}

}  // namespace cogdist
