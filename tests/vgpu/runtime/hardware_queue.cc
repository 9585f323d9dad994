#include "tests/vgpu/runtime/hardware_queue.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace cogdist::vgpu {
namespace {

int Connections() {
  int count = 8;
  const char* const text = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
  if (text != nullptr && !absl::SimpleAtoi(text, &count)) count = 8;
  return std::clamp(count, 1, 32);
}

}  // namespace

int64_t HardwareQueue::Enqueue() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return enqueued_++;
}

void HardwareQueue::AwaitHead(int64_t place) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return head_ == place; });
}

void HardwareQueue::Leave(int64_t place) {
  const std::lock_guard<std::mutex> lock(mutex_);
  head_ = place + 1;
  changed_.notify_all();
}

HardwareQueue& HardwareQueues::Next() {
  if (queues_.empty()) queues_.resize(Connections());
  return queues_[streams_++ % queues_.size()];
}

}  // namespace cogdist::vgpu
