// Sends a checked operation to the backend of its stream's device. The only
// place in `kernels` that knows which backends there are.

#ifndef COGDIST_KERNELS_ROUTE_H_
#define COGDIST_KERNELS_ROUTE_H_

#include "kernels/kernel_table.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/gpu_stream.h"
#include "runtime/stream.h"

namespace cogdist {

// `cpu` is cpu::Op, the host implementation of the operation. On a meta device
// nothing runs.
template <typename Args>
void Route(Stream& stream, const Args& args,
           void (*cpu)(CpuStream&, const Args&)) {
  switch (stream.device_type()) {
    case DeviceType::kCpu: {
      CpuStream& cpu_stream = AsCpuStream(stream);
      cpu_stream.Run([&] { cpu(cpu_stream, args); });
      return;
    }
    case DeviceType::kCuda:
      COG_CHECK(false, "this build has no CUDA kernels");
      return;
    case DeviceType::kMeta:
      return;
  }
}

// For operations that need scratch memory: `workspace` gives the bytes that
// cpu::Op asks of stream.Workspace(), which on a meta device are recorded.
template <typename Args>
void Route(Stream& stream, const Args& args,
           void (*cpu)(CpuStream&, const Args&),
           int64_t (*workspace)(Stream&, const Args&)) {
  if (stream.device_type() == DeviceType::kMeta) {
    stream.Workspace(workspace(stream, args));
  }
  Route(stream, args, cpu);
}

// For operations that a GPU's backend has, as `gpu` of its table.
template <typename Args>
void Route(Stream& stream, const Args& args,
           void (*cpu)(CpuStream&, const Args&),
           int64_t (*workspace)(Stream&, const Args&),
           void (*KernelTable::*gpu)(Stream&, const Args&)) {
  if (stream.device_type() == DeviceType::kCuda) {
    (AsGpuStream(stream).kernels().*gpu)(stream, args);
  } else {
    Route(stream, args, cpu, workspace);
  }
}

}  // namespace cogdist

#endif  // COGDIST_KERNELS_ROUTE_H_
