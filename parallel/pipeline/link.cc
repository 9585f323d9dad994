#include "parallel/pipeline/link.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

int64_t AlignedBytes(const Shape& shape, DType dtype) {
  constexpr int64_t kMask = Device::kAlignment - 1;
  return (shape.num_elements() * SizeOf(dtype) + kMask) & ~kMask;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PipelineLink>> PipelineLink::Create(
    const Args& args) {
  auto link = std::unique_ptr<PipelineLink>(new PipelineLink(args));
  const int buffers = args.receive_buffers + args.send_buffers;
  if (buffers == 0) return link;
  Device& device = args.compute->device();
  COG_ASSIGN_OR_RETURN(
      link->buffer_,
      Buffer::Allocate(device, buffers * AlignedBytes(args.shape, args.dtype)));
  link->CutBuffer();
  if (args.receive_buffers > 0) link->receive_stream_ = device.CreateStream();
  if (args.send_buffers > 0) link->send_stream_ = device.CreateStream();
  return link;
}

void PipelineLink::CutBuffer() {
  char* next = static_cast<char*>(buffer_.data());
  const auto cut = [&](int count, std::vector<Slot>& slots) {
    for (int i = 0; i < count; ++i) {
      slots.push_back({.tensor = TensorView(next, args_.dtype, args_.shape)});
      next += AlignedBytes(args_.shape, args_.dtype);
    }
  };
  cut(args_.receive_buffers, receive_slots_);
  cut(args_.send_buffers, send_slots_);
  for (int i = args_.receive_buffers - 1; i >= 0; --i) free_slots_.push_back(i);
}

void PipelineLink::PostReceive() {
  COG_CHECK(!free_slots_.empty());
  const int slot = free_slots_.back();
  free_slots_.pop_back();
  receive_stream_->Wait(receive_slots_[slot].free);
  args_.before->Recv(*receive_stream_, receive_slots_[slot].tensor, 0);
  coming_.push_back({.slot = slot, .arrived = receive_stream_->Record()});
}

TensorView PipelineLink::Receive() {
  COG_CHECK(!coming_.empty());
  const Coming oldest = std::move(coming_.front());
  coming_.pop_front();
  WaitFor(oldest.arrived);
  return receive_slots_[oldest.slot].tensor;
}

void PipelineLink::Release(const TensorView& received) {
  const auto slot = std::find_if(
      receive_slots_.begin(), receive_slots_.end(),
      [&](const Slot& s) { return s.tensor.data == received.data; });
  COG_CHECK(slot != receive_slots_.end());
  slot->free = args_.compute->Record();
  free_slots_.push_back(slot - receive_slots_.begin());
}

TensorView PipelineLink::BeginSend() {
  WaitFor(send_slots_[next_send_].free);
  return send_slots_[next_send_].tensor;
}

void PipelineLink::EndSend() {
  Slot& slot = send_slots_[next_send_];
  send_stream_->Wait(args_.compute->Record());
  args_.after->Send(*send_stream_, slot.tensor, 1);
  slot.free = send_stream_->Record();
  next_send_ = (next_send_ + 1) % args_.send_buffers;
}

std::vector<Stream*> PipelineLink::streams() const {
  std::vector<Stream*> streams;
  for (const auto* stream : {&receive_stream_, &send_stream_}) {
    if (*stream != nullptr) streams.push_back(stream->get());
  }
  return streams;
}

void PipelineLink::Forget() {
  COG_CHECK(coming_.empty());
  for (auto* slots : {&receive_slots_, &send_slots_}) {
    for (Slot& slot : *slots) slot.free = Event();
  }
}

int64_t PipelineLink::workspace_bytes() const {
  int64_t bytes = 0;
  for (const Stream* stream : streams()) bytes += stream->workspace_bytes();
  return bytes;
}

void PipelineLink::WaitFor(const Event& event) {
  Stream& compute = *args_.compute;
  const bool timed = compute.runs_in_caller() && !event.Done();
  compute.Wait(event);
  // The next kernel would wait here, too.
  if (!timed) return;
  const double start = MonotonicSeconds();
  compute.Synchronize();
  waited_seconds_ += MonotonicSeconds() - start;
}

}  // namespace cogdist
