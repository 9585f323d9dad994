// CUDA's runtime interface: memory.

#include <cstring>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"
#include "tests/vgpu/runtime/footprint.h"
#include "tests/vgpu/simt/device_memory.h"

using cogdist::simt::DeviceMemory;
using cogdist::vgpu::Call;
using cogdist::vgpu::Footprint;
using cogdist::vgpu::Machine;
using cogdist::vgpu::Stream;
using cogdist::vgpu::Work;

namespace {

bool KindFits(cudaMemcpyKind kind, bool to_device, bool from_device) {
  switch (kind) {
    case cudaMemcpyDefault:
      return true;
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
      return to_device && from_device;
  }
  return false;
}

cudaError_t Allocate(Call& call, DeviceMemory& table, void** memory,
                     size_t bytes) {
  *memory = nullptr;
  if (!call.AllowedNow()) return call.error;
  if (bytes == 0) return cudaSuccess;
  *memory = table.Allocate(bytes, absl::StrCat("a block of ", bytes, " bytes"));
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t Free(Call& call, DeviceMemory& table, void* memory) {
  if (memory == nullptr) return call.error;
  if (!call.AllowedNow()) return call.error;
  // Freeing waits for the device, as it does on a real one.
  call.machine.FlushStreams();
  call.machine.Synchronize(call.device);
  if (table.Free(memory)) return cudaSuccess;
  return call.Misuse(
      cudaErrorInvalidValue,
      absl::StrFormat("%p is no block of device %d's, or was freed before",
                      memory, call.device));
}

struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  size_t bytes = 0;
  cudaMemcpyKind kind = cudaMemcpyDefault;
  // Known once it is checked.
  bool to_device = false;
  bool from_device = false;

  // Memory of the host's that the device cannot reach by itself.
  bool IsPageable(Machine& machine) const {
    if (bytes == 0 || to_device == from_device) return false;
    const void* const host = to_device ? from : to;
    return machine.pinned().Find(reinterpret_cast<uintptr_t>(host)) == nullptr;
  }
};

cudaError_t Check(const Stream& stream, Copy& copy) {
  Machine& machine = stream.machine();
  const int64_t bytes = static_cast<int64_t>(copy.bytes);
  if (!machine.CheckAnyPointer("cudaMemcpyAsync", "dst", copy.to, bytes,
                               stream.device(), &copy.to_device) ||
      !machine.CheckAnyPointer("cudaMemcpyAsync", "src", copy.from, bytes,
                               stream.device(), &copy.from_device)) {
    return cudaErrorIllegalAddress;
  }
  return bytes == 0 || KindFits(copy.kind, copy.to_device, copy.from_device)
             ? cudaSuccess
             : cudaErrorInvalidMemcpyDirection;
}

// On the stream's thread.
void Run(Stream& stream, const Copy& copy) {
  if (copy.bytes == 0) return;
  const std::lock_guard lock(stream.machine().baton(stream.device()));
  Footprint footprint(stream, "cudaMemcpyAsync");
  if (copy.from_device && copy.to_device) {
    footprint.Copy(copy.to, copy.from, copy.bytes);
  } else if (copy.from_device) {
    footprint.Read(copy.from, copy.bytes);
  } else if (copy.to_device) {
    footprint.Write(copy.to, copy.bytes);
  }
  std::memmove(copy.to, copy.from, copy.bytes);
}

// Between a device and memory that is not pinned: the host waits for what it
// gets, and its bytes are taken along at once, by way of memory of the
// driver's.
cudaError_t CopyPageable(Call& call, Stream& stream, const Copy& copy) {
  if (stream.capture() != nullptr) {
    stream.capture()->invalid = true;
    return call.Misuse(cudaErrorStreamCaptureUnsupported,
                       "the host's memory is not pinned, so that it would have "
                       "to wait within a capture");
  }
  call.machine.CountPageableCopy();
  if (copy.from_device) {
    stream.Push(call.name, [copy](Stream& on) { Run(on, copy); });
    stream.Synchronize();
    return call.machine.IsBroken(stream.device()) ? cudaErrorLaunchFailure
                                                  : cudaSuccess;
  }
  const char* const from = static_cast<const char*>(copy.from);
  stream.Push(call.name, [copy, staged = std::vector<char>(
                                    from, from + copy.bytes)](Stream& on) {
    Copy from_staged = copy;
    from_staged.from = staged.data();
    Run(on, from_staged);
  });
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  Call call("cudaMalloc");
  return Allocate(call, call.machine.memory(call.device), memory, bytes);
}

cudaError_t cudaFree(void* memory) {
  Call call("cudaFree");
  return Free(call, call.machine.memory(call.device), memory);
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned int) {
  Call call("cudaHostAlloc");
  return Allocate(call, call.machine.pinned(), memory, bytes);
}

cudaError_t cudaFreeHost(void* memory) {
  Call call("cudaFreeHost");
  return Free(call, call.machine.pinned(), memory);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  Call call("cudaMemGetInfo");
  const DeviceMemory& table = call.machine.memory(call.device);
  *total = table.limit();
  *free = table.limit() - table.current_bytes();
  return call.error;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t handle) {
  Call call("cudaMemcpyAsync");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  const Copy copy = {.to = to, .from = from, .bytes = bytes, .kind = kind};
  Copy checked = copy;
  const cudaError_t error = Check(*stream, checked);
  if (error != cudaSuccess) return error;
  if (checked.IsPageable(call.machine)) {
    return CopyPageable(call, *stream, checked);
  }
  return stream->Submit("cudaMemcpyAsync", [=](Work* work) {
    Copy checked = copy;
    const cudaError_t error = Check(*stream, checked);
    if (error != cudaSuccess) return error;
    *work = [=](Stream& on) { Run(on, checked); };
    return cudaSuccess;
  });
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes,
                            cudaStream_t handle) {
  Call call("cudaMemsetAsync");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  return stream->Submit("cudaMemsetAsync", [=](Work* work) {
    if (!stream->machine().CheckDevicePointer(
            "cudaMemsetAsync", "devPtr", memory, bytes, stream->device())) {
      return cudaErrorIllegalAddress;
    }
    *work = [=](Stream& on) {
      const std::lock_guard lock(on.machine().baton(on.device()));
      Footprint(on, "cudaMemsetAsync").Write(memory, bytes);
      if (bytes > 0) std::memset(memory, value, bytes);
    };
    return cudaSuccess;
  });
}

}  // extern "C"
