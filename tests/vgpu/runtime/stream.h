// A stream: a thread that does what it is given, in order. It is ordered after
// the host's thread that gave the work, and with nothing else but through
// signals, so that ThreadSanitizer sees exactly the order that CUDA promises.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_STREAM_H_
#define COGDIST_TESTS_VGPU_RUNTIME_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/graph.h"
#include "tests/vgpu/runtime/hardware_queue.h"
#include "tests/vgpu/runtime/signal.h"
#include "tests/vgpu/simt/environment.h"
#include "tests/vgpu/simt/run_kernel.h"
#include "tests/vgpu/simt/stream_handle.h"

namespace cogdist::vgpu {

class Machine;

class Stream : public CUstream_st {
 public:
  // `queue` may be null: none, for whom nothing is in the way.
  Stream(Machine& machine, int device, uint64_t number, HardwareQueue* queue);
  ~Stream() override;
  // Does all that is enqueued, and takes no more.
  void End();

  int device() const { return device_; }
  Machine& machine() const { return machine_; }
  std::string ToString() const;  // "device 0, stream 3"

  // `call`, made by the host: its work joins the capture that is under way, or
  // is issued and enqueued.
  cudaError_t Submit(const char* call, const Issue& issue);

  // Later work comes after all that `other` has been given, within the capture
  // that both take part in, if they do.
  void Follow(Stream& other);

  // A kernel launch, made by the host like any other call.
  const char* Enqueue(const simt::KernelLaunch& launch) override;
  // On the stream's thread. A fault breaks the device.
  void RunKernel(const simt::KernelLaunch& launch);

  // Enqueues at once, whatever is captured.
  void Push(const char* call, Work work);
  // Set when all work so far is done. Lives as long as the machine: counting
  // its users would order them, one more order that CUDA does not promise.
  Signal* PushSignal();
  // The same; without new work since the last one, that.
  Signal* EndSignal();
  void PushWait(Signal* signal);
  // Lets what is enqueued begin, where that waits for the host (Options::lazy).
  void Flush();
  // Blocks the host until all work so far is done.
  void Synchronize();

  // On the stream's thread: the work at hand has begun to run, so what is
  // behind it in its queue may begin. Called by work that waits first.
  void LeaveQueue();

  // Begins an operation on the device's memory, on the stream's thread.
  simt::Origin BeginOperation();

  // The capture that this stream takes part in; may be null. The host's.
  std::shared_ptr<Capture>& capture() { return capture_; }

 private:
  static constexpr int64_t kNoPlace = -1;
  struct Node {
    const char* call = nullptr;  // null: the end
    Work work;
    const simt::Progress* host = nullptr;  // what the host knew at the call
    int64_t place = kNoPlace;              // in the queue
    std::atomic<Node*> next{nullptr};
  };

  // `end` is what the work sets, if that is all it does.
  void Append(const char* call, Work work, Signal* end = nullptr);
  // Orders the thread after the host as it was when it made the call, not as it
  // is by now: the host may have waited for other streams since.
  Node* TakeNext();
  void Run();
  void AwaitQueue(const Node& node);
  void Pause(const char* call);

  Machine& machine_;
  const int device_;
  const uint64_t number_;
  HardwareQueue* const queue_;
  std::shared_ptr<Capture> capture_;

  // The list is the host's at its tail and the thread's at its head, without a
  // lock between them.
  std::mutex append_mutex_;
  Node* tail_;
  uint32_t appended_ = 0;
  Signal* end_ = nullptr;  // the last node's, if it sets one
  std::deque<Signal> signals_;
  std::atomic<uint32_t> released_{0};  // how many nodes may be done
  Node* head_;
  int64_t place_ = kNoPlace;  // of the work at hand, until it leaves the queue
  std::mt19937_64 random_;
  simt::Progress progress_;  // the thread's; kept if kernels are checked
  std::unique_ptr<simt::Environment> environment_;  // made by the first kernel
  std::thread thread_;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_STREAM_H_
