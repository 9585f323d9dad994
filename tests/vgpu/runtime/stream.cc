#include "tests/vgpu/runtime/stream.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

constexpr char kStreamWaitEvent[] = "cudaStreamWaitEvent";

}  // namespace

Stream::Stream(Machine& machine, int device, uint64_t number,
               HardwareQueue* queue)
    : machine_(machine),
      device_(device),
      number_(number),
      queue_(queue),
      tail_(new Node),
      head_(tail_),
      random_(machine.options().seed * 1000003 + number),
      thread_([this] { Run(); }) {}

Stream::~Stream() {
  End();
  delete head_;
}

void Stream::End() {
  if (!thread_.joinable()) return;
  Append(nullptr, nullptr);
  Flush();
  thread_.join();
}

std::string Stream::ToString() const {
  return absl::StrCat("device ", device_, ", stream ", number_);
}

cudaError_t Stream::Submit(const char* call, const Issue& issue) {
  if (capture_ != nullptr) {
    capture_->AddWork(this, call, issue);
    return cudaSuccess;
  }
  Work work;
  const cudaError_t error = issue(&work);
  if (error == cudaSuccess) Push(call, std::move(work));
  return error;
}

void Stream::Follow(Stream& other) {
  if (capture_ == nullptr) return PushWait(other.PushSignal());
  capture_->AddWait(this, capture_->AddRecord(&other));
}

void Stream::Push(const char* call, Work work) {
  Append(call, std::move(work));
  if (!machine_.options().lazy) Flush();
}

Signal* Stream::PushSignal() {
  Signal* signal = nullptr;
  {
    const std::lock_guard<std::mutex> lock(append_mutex_);
    signal = &signals_.emplace_back();
  }
  const auto set = [signal](Stream& on) {
    if (on.machine_.options().check_kernels) signal->progress = on.progress_;
    signal->Set();
  };
  Append("cudaEventRecord", set, signal);
  if (!machine_.options().lazy) Flush();
  return signal;
}

Signal* Stream::EndSignal() {
  {
    const std::lock_guard<std::mutex> lock(append_mutex_);
    if (end_ != nullptr) return end_;
  }
  return PushSignal();
}

void Stream::PushWait(Signal* signal) {
  Push(kStreamWaitEvent, [signal](Stream& on) {
    signal->Wait();
    if (!on.machine_.options().check_kernels) return;
    on.progress_.Join(signal->progress);
  });
}

void Stream::Append(const char* call, Work work, Signal* end) {
  Node* const node = new Node;
  node->call = call;
  node->work = std::move(work);
  if (machine_.options().check_kernels) {
    node->host = machine_.HostProgress(device_);
  }
  const std::lock_guard<std::mutex> lock(append_mutex_);
  if (queue_ != nullptr && call != nullptr) node->place = queue_->Enqueue();
  tail_->next.store(node, std::memory_order_release);
  tail_ = node;
  ++appended_;
  end_ = end;
}

void Stream::Flush() {
  const std::lock_guard<std::mutex> lock(append_mutex_);
  released_.store(appended_, std::memory_order_relaxed);
  FutexWakeAll(released_);
}

void Stream::Synchronize() {
  Signal* const end = PushSignal();
  machine_.FlushStreams();
  end->Wait();
  machine_.HostSaw(device_, *end);
}

simt::Origin Stream::BeginOperation() {
  const int stream = static_cast<int>(number_);
  return {.stream = stream,
          .sequence = progress_.Advance(stream),
          .progress = &progress_};
}

Stream::Node* Stream::TakeNext() {
  Node* node = nullptr;
  while (node == nullptr) node = head_->next.load(std::memory_order_acquire);
  return node;
}

void Stream::Run() {
  for (uint32_t done = 0;; ++done) {
    while (released_.load(std::memory_order_relaxed) == done) {
      FutexWait(released_, done);
    }
    Node* const node = TakeNext();
    delete head_;
    head_ = node;
    if (node->call == nullptr) return;
    Pause(node->call);
    if (node->host != nullptr) progress_.Join(*node->host);
    AwaitQueue(*node);
    node->work(*this);
    node->work = nullptr;
    LeaveQueue();
  }
}

void Stream::AwaitQueue(const Node& node) {
  if (node.place == kNoPlace) return;
  queue_->AwaitHead(node.place);
  place_ = node.place;
  const absl::string_view call = node.call;
  const bool waits_first =
      call == kStreamWaitEvent || absl::StartsWith(call, "nccl");
  if (!waits_first) LeaveQueue();
}

void Stream::LeaveQueue() {
  if (place_ == kNoPlace) return;
  queue_->Leave(place_);
  place_ = kNoPlace;
}

void Stream::Pause(const char* call) {
  const Options& options = machine_.options();
  const auto delay = options.delay_us.find(call);
  if (delay != options.delay_us.end()) usleep(delay->second);
  if (options.seed == 0) return;
  // Most work starts at once, so that pauses open gaps between streams.
  if (random_() % 4 == 0) usleep(random_() % options.max_pause_us);
}

}  // namespace cogdist::vgpu
