// CUDA's driver interface, and how the runtime hands it out.

#include <cstring>

#include "cuda.h"
#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"

using cogdist::vgpu::Call;
using cogdist::vgpu::Machine;
using cogdist::vgpu::Stream;
using cogdist::vgpu::Work;

extern "C" {

cudaError_t cudaGetDriverEntryPointByVersion(
    const char* symbol, void** function, unsigned int, unsigned long long,
    cudaDriverEntryPointQueryResult* status) {
  Call call("cudaGetDriverEntryPointByVersion");
  const bool known = std::strcmp(symbol, "cuStreamWriteValue64") == 0;
  *function = known ? reinterpret_cast<void*>(&cuStreamWriteValue64) : nullptr;
  *status =
      known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return call.error;
}

CUresult cuStreamWriteValue64(CUstream handle, CUdeviceptr address,
                              cuuint64_t value, unsigned int) {
  Call call("cuStreamWriteValue64");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return static_cast<CUresult>(call.error);
  auto* const word = reinterpret_cast<cuuint64_t*>(address);
  if (address % sizeof(*word) != 0) return CUDA_ERROR_INVALID_VALUE;
  return static_cast<CUresult>(
      stream->Submit("cuStreamWriteValue64", [=](Work* work) {
        Machine& machine = stream->machine();
        const int device = stream->device();
        bool on_device = false;
        if (!machine.CheckAnyPointer("cuStreamWriteValue64", "addr", word,
                                     sizeof(*word), device, &on_device)) {
          return cudaErrorIllegalAddress;
        }
        *work = [=, &machine](Stream&) {
          if (machine.IsBroken(device) || machine.IsLost(device)) return;
          __atomic_store_n(word, value, __ATOMIC_RELEASE);
        };
        return cudaSuccess;
      }));
}

}  // extern "C"
