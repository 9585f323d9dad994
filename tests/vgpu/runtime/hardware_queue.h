// The ways to a device, which its streams share.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_HARDWARE_QUEUE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_HARDWARE_QUEUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

namespace cogdist::vgpu {

// Work in the order of the host's calls. What waits at the head, for an event
// or for its stream, keeps up other streams' work behind it, which nothing
// orders. Thread-safe.
class HardwareQueue {
 public:
  // On the host: the place of some work.
  int64_t Enqueue();
  // On the stream's thread, which has come to the work: waits until all before
  // it have left.
  void AwaitHead(int64_t place);
  // It runs; the next may begin.
  void Leave(int64_t place);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t enqueued_ = 0;
  int64_t head_ = 0;
};

// As many as CUDA_DEVICE_MAX_CONNECTIONS says in the environment, from 1 to 32;
// 8, as in CUDA, if it says nothing. Not thread-safe.
class HardwareQueues {
 public:
  // Of the next stream: the first ones get a queue each, then they share.
  HardwareQueue& Next();

 private:
  std::deque<HardwareQueue> queues_;
  int streams_ = 0;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_HARDWARE_QUEUE_H_
