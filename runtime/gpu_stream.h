// A stream of a GPU. The GPU's backend is a module that is opened when it is
// needed (parallel/gpu_backend.h), so its kernels are reached through a table.

#ifndef COGDIST_RUNTIME_GPU_STREAM_H_
#define COGDIST_RUNTIME_GPU_STREAM_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/stream.h"

namespace cogdist {

class GpuStream;

// Defined where the operations' arguments are known: kernels/kernel_table.h.
struct KernelTable;

// Work that was captured once, with its addresses and numbers, and is launched
// many times: a step costs the host one call instead of thousands. Destroyed
// after its last launch is done.
class GpuGraph {
 public:
  virtual ~GpuGraph() = default;
  // Does all of it once, in the stream's order.
  virtual void Launch(GpuStream& stream) = 0;
};

class GpuStream : public Stream {
 public:
  virtual const KernelTable& kernels() const = 0;

  // Writes `value` when all that is enqueued so far is done. The GPU's front
  // end does so on its own, at the cost of recording an event. `mark` is in
  // pinned memory, and outlives the work.
  virtual void WriteWhenReached(const std::atomic<int64_t>& mark,
                                int64_t value) = 0;

  // What `body` enqueues on this stream, and on streams that wait for its
  // events and that it waits for in the end, instead of doing it. `body`
  // neither blocks nor allocates, and waits for no event from before:
  // workspaces have their size already, e.g. after a step that was not
  // captured. FAILED_PRECONDITION says what did not fit into a graph.
  virtual absl::StatusOr<std::unique_ptr<GpuGraph>> Capture(
      absl::FunctionRef<void()> body) = 0;
};

// The GPU's stream behind a stream. REQUIRES: device_type() == kCuda.
inline GpuStream& AsGpuStream(Stream& stream) {
  COG_CHECK(stream.device_type() == DeviceType::kCuda);
  return static_cast<GpuStream&>(stream);
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_GPU_STREAM_H_
