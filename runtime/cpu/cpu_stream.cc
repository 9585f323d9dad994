#include "runtime/cpu/cpu_stream.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "runtime/clock.h"

namespace cogdist {
namespace {

// A wait for another stream's event, as a task in this stream's order.
class WaitTask : public CpuTask {
 public:
  explicit WaitTask(Event event) : event_(std::move(event)) {}
  bool Poll() override { return event_.Done(); }

 private:
  Event event_;
};

}  // namespace

class CpuStream::Point : public Event::Impl {
 public:
  Point(std::shared_ptr<const uint64_t> finished, uint64_t count)
      : finished_(std::move(finished)), count_(count) {}
  bool Done() override { return *finished_ >= count_; }

 private:
  std::shared_ptr<const uint64_t> finished_;
  uint64_t count_;
};

CpuStream::CpuStream(CpuDevice& device) : device_(device) {
  device_.streams_.push_back(this);
}

CpuStream::~CpuStream() {
  Synchronize();
  std::erase(device_.streams_, this);
}

void CpuStream::Copy(void* to, const void* from, int64_t bytes) {
  // An empty tensor may have no address, which memcpy() and memset() forbid.
  Run([&] {
    if (bytes > 0) std::memcpy(to, from, bytes);
  });
}

void CpuStream::FillZero(void* memory, int64_t bytes) {
  Run([&] {
    if (bytes > 0) std::memset(memory, 0, bytes);
  });
}

Event CpuStream::Record() {
  if (pending_.empty()) return Event();
  return Event(std::make_shared<Point>(finished_, enqueued_));
}

void CpuStream::Wait(const Event& event) {
  if (!event.Done()) Enqueue(std::make_unique<WaitTask>(event));
}

void CpuStream::Synchronize() { FinishTasks(enqueued_); }

void CpuStream::Run(absl::FunctionRef<void()> kernel) {
  if (!pending_.empty()) Synchronize();
  kernel();
  device_.Progress();
}

void CpuStream::Enqueue(std::unique_ptr<CpuTask> task) {
  pending_.push_back(std::move(task));
  ++enqueued_;
  PollOldest();
}

void CpuStream::PollOldest() {
  if (polling_) return;  // a task that runs a kernel must not poll itself
  polling_ = true;
  while (!pending_.empty() && pending_.front()->Poll()) {
    pending_.pop_front();
    ++*finished_;
  }
  polling_ = false;
}

void CpuStream::FinishTasks(uint64_t count) {
  // A task that runs a kernel in its turn comes here with itself unfinished;
  // what stands before it is done.
  if (polling_ || *finished_ >= count) return;
  const double start = MonotonicSeconds();
  while (*finished_ < count) {
    device_.Progress();
    if (*finished_ < count) std::this_thread::yield();
  }
  waited_seconds_ += MonotonicSeconds() - start;
}

}  // namespace cogdist
