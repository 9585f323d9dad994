// Sends a checked operation to the backend of its stream's device. The only
// place in `kernels` that knows which backends there are.

#ifndef COGDIST_KERNELS_ROUTE_H_
#define COGDIST_KERNELS_ROUTE_H_

#include <type_traits>

#include "kernels/kernel_table.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/gpu_stream.h"
#include "runtime/meta/meta_device.h"
#include "runtime/stream.h"

namespace cogdist {

// Where an operation is implemented. Its scratch memory, in bytes that it asks
// of stream.Workspace(), is recorded by a meta device that stands for another;
// none where nothing is given.
template <typename Args>
struct Backends {
  void (*cpu)(CpuStream&, const Args&);
  int64_t (*cpu_workspace)(Stream&, const Args&) = nullptr;
  GpuKernel<Args> KernelTable::*gpu;
  int64_t (*gpu_workspace)(const Args&) = nullptr;

  int64_t WorkspaceBytes(Stream& stream, const Args& args,
                         DeviceType device) const {
    if (device == DeviceType::kCuda) {
      return gpu_workspace == nullptr ? 0 : gpu_workspace(args);
    }
    return cpu_workspace == nullptr ? 0 : cpu_workspace(stream, args);
  }
};

template <typename Args>
void Route(Stream& stream, const Args& args,
           const std::type_identity_t<Backends<Args>>& backends) {
  switch (stream.device_type()) {
    case DeviceType::kCpu: {
      CpuStream& cpu_stream = AsCpuStream(stream);
      cpu_stream.Run([&] { backends.cpu(cpu_stream, args); });
      return;
    }
    case DeviceType::kCuda:
      (AsGpuStream(stream).kernels().*backends.gpu)(stream, args);
      return;
    case DeviceType::kMeta:
      stream.Workspace(
          backends.WorkspaceBytes(stream, args, PlannedType(stream.device())));
      return;
  }
}

}  // namespace cogdist

#endif  // COGDIST_KERNELS_ROUTE_H_
