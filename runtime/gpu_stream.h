// A stream of a GPU. The GPU's backend is a module that is opened when it is
// needed (parallel/gpu_backend.h), so its kernels are reached through a table.

#ifndef COGDIST_RUNTIME_GPU_STREAM_H_
#define COGDIST_RUNTIME_GPU_STREAM_H_

#include "runtime/stream.h"

namespace cogdist {

// Defined where the operations' arguments are known: kernels/kernel_table.h.
struct KernelTable;

class GpuStream : public Stream {
 public:
  virtual const KernelTable& kernels() const = 0;
};

// The GPU's stream behind a stream. REQUIRES: device_type() == kCuda.
inline GpuStream& AsGpuStream(Stream& stream) {
  COG_CHECK(stream.device_type() == DeviceType::kCuda);
  return static_cast<GpuStream&>(stream);
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_GPU_STREAM_H_
