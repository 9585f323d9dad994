#include "parallel/ring_task.h"

#include "parallel/accumulate.h"

namespace cogdist {
namespace {

// The request of an empty message, which is not sent.
constexpr Transport::Request kNothing = -1;

}  // namespace

bool RingTask::Poll() {
  int64_t turn_bytes = args_.turn_bytes;
  bool moved = true;
  while (moved && turn_bytes > 0) {
    moved = PostReceive();
    moved |= PostSend();
    moved |= FinishReceive(turn_bytes);
    moved |= FinishSend();
  }
  const int64_t all = args_.schedule.num_items();
  return received_ == all && sent_ == all;
}

bool RingTask::PostReceive() {
  const int64_t k = receives_posted_;
  if (k == args_.schedule.num_items() || k == received_ + kWindow ||
      sent_ < args_.schedule.ReceiveNeeds(k)) {
    return false;
  }
  const RingSchedule::Item item = args_.schedule.item(k);
  receives_[k % kWindow] =
      item.receive.count == 0
          ? kNothing
          : args_.transport->Receive({args_.schedule.from(), args_.tag},
                                     item.add ? Slot(k) : Address(item.receive),
                                     Bytes(item.receive));
  ++receives_posted_;
  return true;
}

bool RingTask::PostSend() {
  const int64_t k = sends_posted_;
  if (k == args_.schedule.num_items() || k == sent_ + kWindow ||
      received_ < args_.schedule.SendNeeds(k)) {
    return false;
  }
  const ElementRange range = args_.schedule.item(k).send;
  sends_[k % kWindow] =
      range.count == 0 ? kNothing
                       : args_.transport->Send({args_.schedule.to(), args_.tag},
                                               Address(range), Bytes(range));
  *args_.bytes_sent += Bytes(range);
  ++sends_posted_;
  return true;
}

bool RingTask::FinishReceive(int64_t& turn_bytes) {
  const int64_t k = received_;
  if (k == receives_posted_) return false;
  const Transport::Request request = receives_[k % kWindow];
  if (request != kNothing) {
    if (!args_.transport->Test(request)) return false;
    const RingSchedule::Item item = args_.schedule.item(k);
    if (item.add) {
      Accumulate(args_.x.dtype, Address(item.receive), Slot(k),
                 item.receive.count);
    }
    turn_bytes -= Bytes(item.receive);
  }
  ++received_;
  return true;
}

bool RingTask::FinishSend() {
  if (sent_ == sends_posted_) return false;
  const Transport::Request request = sends_[sent_ % kWindow];
  if (request != kNothing && !args_.transport->Test(request)) return false;
  ++sent_;
  return true;
}

char* RingTask::Address(const ElementRange& range) const {
  return static_cast<char*>(args_.x.data) + range.begin * SizeOf(args_.x.dtype);
}

int64_t RingTask::Bytes(const ElementRange& range) const {
  return range.count * SizeOf(args_.x.dtype);
}

}  // namespace cogdist
