// A stream on the host. Kernels run inline, in the caller's thread;
// asynchronous tasks (communication) are polled between kernels, within those
// of attention, which take longest, and while the caller waits. That hides
// communication behind computation without a second thread to fight over the
// cores.

#ifndef COGDIST_RUNTIME_CPU_CPU_STREAM_H_
#define COGDIST_RUNTIME_CPU_CPU_STREAM_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/functional/function_ref.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/scratch_memory.h"
#include "runtime/stream.h"

namespace cogdist {

// Work that needs many short turns, e.g. a ring all-reduce over MPI.
class CpuTask {
 public:
  virtual ~CpuTask() = default;
  // Does what can be done without waiting. True once all is done; it is not
  // called again after that.
  virtual bool Poll() = 0;
};

class CpuStream : public Stream {
 public:
  explicit CpuStream(CpuDevice& device);
  ~CpuStream() override;  // finishes pending tasks

  Device& device() const override { return device_; }
  void Copy(void* to, const void* from, int64_t bytes) override;
  void FillZero(void* memory, int64_t bytes) override;
  Event Record() override;
  void Wait(const Event& event) override;
  void Synchronize() override;
  void* Workspace(int64_t bytes) override {
    return workspace_.Reserve(*this, bytes);
  }
  int64_t workspace_bytes() const override { return workspace_.bytes(); }

  // Runs `kernel` now if nothing is pending on this stream, else after it.
  void Run(absl::FunctionRef<void()> kernel);
  // Adds a task to the stream's order and gives it a first turn.
  void Enqueue(std::unique_ptr<CpuTask> task);

  // Seconds that the caller has spent waiting for unfinished tasks.
  double waited_seconds() const { return waited_seconds_; }

 private:
  friend class CpuDevice;
  class Point;

  void PollOldest();
  void FinishTasks(uint64_t count);  // blocks until `count` tasks have finished

  CpuDevice& device_;
  std::deque<std::unique_ptr<CpuTask>> pending_;
  // Shared with events, which may outlive the stream.
  std::shared_ptr<uint64_t> finished_ = std::make_shared<uint64_t>(0);
  uint64_t enqueued_ = 0;
  bool polling_ = false;
  ScratchMemory workspace_;
  double waited_seconds_ = 0;
};

// The CPU stream behind a stream. REQUIRES: device_type() == kCpu.
inline CpuStream& AsCpuStream(Stream& stream) {
  COG_CHECK(stream.device_type() == DeviceType::kCpu);
  return static_cast<CpuStream&>(stream);
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CPU_CPU_STREAM_H_
