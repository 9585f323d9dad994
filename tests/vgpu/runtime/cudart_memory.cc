// CUDA's runtime interface: memory.

#include <cstring>
#include <mutex>

#include "absl/strings/str_format.h"
#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"

using cogdist::vgpu::Call;
using cogdist::vgpu::Machine;
using cogdist::vgpu::MemoryTable;
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

cudaError_t Allocate(Call& call, MemoryTable& table, void** memory,
                     size_t bytes) {
  *memory = nullptr;
  if (!call.AllowedNow()) return call.error;
  if (bytes == 0) return cudaSuccess;
  *memory = table.Allocate(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t Free(Call& call, MemoryTable& table, void* memory) {
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
  const MemoryTable& table = call.machine.memory(call.device);
  *total = table.limit();
  *free = table.limit() - table.current_bytes();
  return call.error;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t handle) {
  Call call("cudaMemcpyAsync");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  return stream->Submit("cudaMemcpyAsync", [=](Work* work) {
    Machine& machine = stream->machine();
    bool to_device = false, from_device = false;
    if (!machine.CheckAnyPointer("cudaMemcpyAsync", "dst", to, bytes,
                                 stream->device(), &to_device) ||
        !machine.CheckAnyPointer("cudaMemcpyAsync", "src", from, bytes,
                                 stream->device(), &from_device)) {
      return cudaErrorIllegalAddress;
    }
    if (bytes > 0 && !KindFits(kind, to_device, from_device)) {
      return cudaErrorInvalidMemcpyDirection;
    }
    *work = [=] {
      const std::lock_guard lock(stream->machine().baton());
      if (bytes > 0) std::memmove(to, from, bytes);
    };
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
    *work = [=] {
      const std::lock_guard lock(stream->machine().baton());
      if (bytes > 0) std::memset(memory, value, bytes);
    };
    return cudaSuccess;
  });
}

}  // extern "C"
