// A machine with virtual GPUs, and what a test may do to it.
//
//   vgpu::Machine machine({.devices = 2, .memory_bytes = 64 << 20});
//   machine.FailCall("cudaMalloc", 3, cudaErrorMemoryAllocation);
//   ... code that uses CUDA, cuBLASLt and NCCL ...
//   EXPECT_THAT(machine.reports(), IsEmpty());
//
// The vendors' interfaces are C and know one machine a process, so there is one
// at a time. Without any, the first call makes one as the environment says
// (COGDIST_VGPU_DEVICES, COGDIST_VGPU_MEMORY_BYTES, COGDIST_VGPU_SEED,
// COGDIST_VGPU_CHECK=0), so that a whole program can run on virtual GPUs.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_MACHINE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_MACHINE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/vgpu/runtime/hardware_queue.h"
#include "tests/vgpu/runtime/launch_order.h"
#include "tests/vgpu/runtime/signal.h"
#include "tests/vgpu/simt/device_memory.h"

namespace cogdist::vgpu {

class Clique;
class Stream;

// ThreadSanitizer, in programs that it is built into, watches copies itself,
// and would take the shadow, which streams share, for memory of theirs.
#ifdef __SANITIZE_THREAD__
inline constexpr bool kShadowByDefault = false;
#else
inline constexpr bool kShadowByDefault = true;
#endif

struct Options {
  int devices = 1;
  int64_t memory_bytes = int64_t{1} << 30;  // of each device
  int compute_capability = 80;              // of each, 8.0
  // Not 0: streams pause for random times before what they do, drawn anew for
  // every seed, so that another order of independent work comes up.
  uint64_t seed = 0;
  int max_pause_us = 200;
  // Streams begin only when the host waits for one or asks about an event: host
  // code that reads a result without waiting for it never finds it.
  bool lazy = false;
  // Microseconds before each operation of a kind, by the name of its call.
  std::map<std::string, int> delay_us;
  // Follow what kernels, copies, products and collectives read and write, in a
  // shadow of each device's memory.
  bool check_kernels = kShadowByDefault;
  // After this a rank that waits for others gives up and reports.
  double collective_timeout_seconds = 10;
  // How many NCCL operations a device has room for at a time; 0: for all.
  int concurrent_collectives = 0;
  // A device's streams share its hardware queues.
  bool share_queues = false;
  // Of NCCL and of the driver, as they number them: 2.28.3 and CUDA 13.0.
  int nccl_version = 22803;
  int driver_version = 13000;
};

class Machine {
 public:
  explicit Machine(const Options& options);
  // Waits for all streams.
  ~Machine();
  Machine(const Machine&) = delete;

  // --- for tests ---

  // From now on the `nth` (from 1) call of `call` does nothing but return
  // `error`, a number of the call's own error type.
  void FailCall(absl::string_view call, int nth, int error);
  // The device takes part in no collective any more, as if its process had
  // died, without a word to the others.
  void LoseDevice(int device);
  // How often `call` was called.
  int64_t calls(absl::string_view call) const;
  // How often a call made the host wait for a stream, an event or a device, or
  // for a copy from or to memory that is not pinned.
  int64_t host_waits() const;
  // Every misuse and failed collective, in the order found.
  std::vector<std::string> reports() const;
  simt::DeviceMemory& memory(int device) { return devices_[device]->memory; }
  simt::DeviceMemory& pinned() { return pinned_; }
  const Options& options() const { return options_; }

  // --- for the interfaces' implementations ---

  static Machine& Current();
  int num_devices() const { return devices_.size(); }
  bool HasDevice(int device) const {
    return device >= 0 && device < num_devices();
  }
  bool IsLost(int device) const;

  // Counts a call; the error that a test wants it to return, or 0.
  int Enter(absl::string_view call);
  void CountPageableCopy() { ++pageable_copies_; }
  void Report(std::string text);

  // Says why `memory` is not the device's own, in a report; true if it is.
  bool CheckDevicePointer(absl::string_view call, absl::string_view argument,
                          const void* memory, int64_t bytes, int device);
  // Likewise for memory that may also be the host's.
  bool CheckAnyPointer(absl::string_view call, absl::string_view argument,
                       const void* memory, int64_t bytes, int device,
                       bool* on_device);

  Stream* CreateStream(int device);
  void DestroyStream(Stream* stream);
  // Null, after a report, for what is no live stream.
  Stream* FindStream(absl::string_view call, void* handle);
  // Lets everything enqueued begin.
  void FlushStreams();
  // Waits for all work of a device.
  void Synchronize(int device);

  // Held by whoever works on a device's memory, but not by who waits.
  Baton& baton(int device) { return devices_[device]->baton; }
  // The same for all devices at once.
  class AllBatons {
   public:
    explicit AllBatons(Machine& machine) : machine_(machine) {}
    void lock() {
      for (auto& device : machine_.devices_) device->baton.lock();
    }
    void unlock() {
      for (auto& device : machine_.devices_) device->baton.unlock();
    }

   private:
    Machine& machine_;
  };
  AllBatons& all_batons() { return all_batons_; }

  LaunchOrder& launch_order(int device) {
    return devices_[device]->launch_order;
  }

  int NextCliqueNumber();
  // The clique of a number; the first who asks makes it. Null if it has another
  // size. Cliques live as long as the machine.
  Clique* FindClique(int number, int size);

  // Work that failed after its call: all later calls on the device fail.
  void SetBroken(int device);
  bool IsBroken(int device) const;

  // What the host's threads know to have happened on a device: what they have
  // waited for. Lives as long as the machine.
  const simt::Progress* HostProgress(int device) const {
    return devices_[device]->host.load(std::memory_order_acquire);
  }
  // A thread of the host has seen that `signal`, of this device, is set.
  void HostSaw(int device, const Signal& signal);

  // Captures under way on a device.
  std::atomic<int>& captures(int device) { return devices_[device]->captures; }

 private:
  struct Device {
    Device(const Machine& machine, const simt::DeviceMemory::Options& options)
        : memory(options), launch_order(machine) {}
    simt::DeviceMemory memory;
    Baton baton;
    LaunchOrder launch_order;
    HardwareQueues queues;                             // guarded by mutex_
    std::deque<simt::Progress> host_history;           // guarded by mutex_
    std::atomic<const simt::Progress*> host{nullptr};  // the last
    std::atomic<bool> lost{false};
    std::atomic<bool> broken{false};
    std::atomic<int> captures{0};
  };
  struct CallRecord {
    int64_t calls = 0;
    std::map<int64_t, int> failures;  // by number of the call
  };

  const Options options_;
  std::vector<std::unique_ptr<Device>> devices_;
  AllBatons all_batons_{*this};
  simt::DeviceMemory pinned_;
  std::atomic<int64_t> pageable_copies_{0};
  mutable std::mutex mutex_;  // of the following; only the host's threads, and
                              // streams with something to report, take it
  std::map<std::string, CallRecord, std::less<>> calls_;
  std::vector<std::string> reports_;
  std::map<void*, std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Stream>> retired_;
  uint64_t streams_made_ = 0;
  int cliques_named_ = 0;
  std::map<int, std::unique_ptr<Clique>> cliques_;
};

// The device that this thread's calls mean.
int& CurrentDevice();

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_MACHINE_H_
