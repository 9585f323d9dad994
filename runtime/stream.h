// The stream seam: work on one stream happens in the order of the calls; work
// on two streams is ordered only by events. All calls may return before the
// work is done. Used by the rank's thread only.

#ifndef COGDIST_RUNTIME_STREAM_H_
#define COGDIST_RUNTIME_STREAM_H_

#include <cstdint>
#include <memory>
#include <typeindex>

#include "absl/container/flat_hash_map.h"
#include "runtime/device.h"
#include "runtime/tensor.h"

namespace cogdist {

// A point in a stream's order. Copies stand for the same point; a default Event
// has always happened.
class Event {
 public:
  class Impl {
   public:
    virtual ~Impl() = default;
    virtual bool Done() = 0;
  };

  Event() = default;
  explicit Event(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  // Never blocks.
  bool Done() const { return impl_ == nullptr || impl_->Done(); }
  Impl* impl() const { return impl_.get(); }

 private:
  std::shared_ptr<Impl> impl_;
};

class Stream {
 public:
  virtual ~Stream() = default;

  virtual Device& device() const = 0;
  DeviceType device_type() const { return device().type(); }
  // Kernels run in the thread that calls them, and it waits where they do: what
  // they take is timed by its clock, and waiting for them costs nothing more.
  bool runs_in_caller() const { return device_type() == DeviceType::kCpu; }

  // Copies between any two memories of this device and the host. Host memory
  // must stay valid and unchanged until the copy is done.
  virtual void Copy(void* to, const void* from, int64_t bytes) = 0;
  virtual void FillZero(void* memory, int64_t bytes) = 0;

  // The point after all work enqueued so far.
  virtual Event Record() = 0;
  // Work enqueued from now on starts after `event`.
  virtual void Wait(const Event& event) = 0;
  // Blocks the calling thread until all work enqueued so far is done.
  virtual void Synchronize() = 0;

  // Scratch memory for the kernel being enqueued, valid until the next call.
  // Grows when needed and never shrinks, so that a step that ran once, or was
  // planned and reserved, allocates nothing.
  virtual void* Workspace(int64_t bytes) = 0;
  // High-water mark of Workspace() in bytes.
  virtual int64_t workspace_bytes() const = 0;

  // State that a kernel library keeps for this stream (handles, compiled
  // kernels): made on first use, one T per stream, destroyed with the stream.
  template <typename T>
  T& State() {
    std::shared_ptr<void>& slot = state_[std::type_index(typeid(T))];
    if (slot == nullptr) slot = std::make_shared<T>();
    return *static_cast<T*>(slot.get());
  }

 private:
  absl::flat_hash_map<std::type_index, std::shared_ptr<void>> state_;
};

inline void Copy(Stream& stream, const TensorView& to, const TensorView& from) {
  COG_CHECK(to.IsContiguous() && from.IsContiguous());
  COG_CHECK(to.dtype == from.dtype);
  COG_CHECK_EQ(to.num_elements(), from.num_elements());
  stream.Copy(to.data, from.data, to.bytes());
}

inline void FillZero(Stream& stream, const TensorView& tensor) {
  COG_CHECK(tensor.IsContiguous());
  stream.FillZero(tensor.data, tensor.bytes());
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_STREAM_H_
