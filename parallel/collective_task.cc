#include "parallel/collective_task.h"

#include "parallel/reduction.h"

namespace cogdist {

bool CollectiveTask::Poll() {
  if (!begun_) lane_.Begin(args_.entry);
  begun_ = true;
  lane_.Poll();
  const bool done = Move();
  if (done) lane_.End();
  return done;
}

bool CollectiveTask::Move() {
  int64_t turn_bytes = args_.turn_bytes;
  bool moved = true;
  while (moved && turn_bytes > 0) {
    moved = PostReceive();
    moved |= PostSend();
    moved |= FinishReceive(turn_bytes);
    moved |= FinishSend();
  }
  return received_ == args_.schedule.num_receives() &&
         sent_ == args_.schedule.num_sends();
}

bool CollectiveTask::PostReceive() {
  const int64_t k = receives_posted_;
  if (k == args_.schedule.num_receives() || k == received_ + kWindow) {
    return false;
  }
  const CollectiveSchedule::Message message = args_.schedule.receive(k);
  if (sent_ < message.needs) return false;
  receives_[k % kWindow] = args_.transport->Receive(
      {message.peer, args_.receive_tag},
      message.reduce ? Slot(k) : Target(message), message.range.count);
  ++receives_posted_;
  return true;
}

bool CollectiveTask::PostSend() {
  const int64_t k = sends_posted_;
  if (k == args_.schedule.num_sends() || k == sent_ + kWindow) return false;
  const CollectiveSchedule::Message message = args_.schedule.send(k);
  if (received_ < message.needs) return false;
  sends_[k % kWindow] = args_.transport->Send(
      {message.peer, args_.send_tag},
      static_cast<const char*>(args_.send_from) + message.range.begin,
      message.range.count);
  *args_.bytes_sent += message.range.count;
  ++sends_posted_;
  return true;
}

bool CollectiveTask::FinishReceive(int64_t& turn_bytes) {
  const int64_t k = received_;
  if (k == receives_posted_ || !args_.transport->Test(receives_[k % kWindow])) {
    return false;
  }
  const CollectiveSchedule::Message message = args_.schedule.receive(k);
  if (message.reduce) {
    Reduce(*message.reduce, args_.dtype, Target(message), Slot(k),
           message.range.count / SizeOf(args_.dtype));
  }
  turn_bytes -= message.range.count;
  ++received_;
  return true;
}

bool CollectiveTask::FinishSend() {
  if (sent_ == sends_posted_ ||
      !args_.transport->Test(sends_[sent_ % kWindow])) {
    return false;
  }
  ++sent_;
  return true;
}

}  // namespace cogdist
