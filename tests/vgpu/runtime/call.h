// How every function of the virtual CUDA runtime begins.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_CALL_H_
#define COGDIST_TESTS_VGPU_RUNTIME_CALL_H_

#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

namespace cogdist::vgpu {

// One call of the interface: counted, and failed where a test says so or the
// current device is broken.
class Call {
 public:
  explicit Call(const char* name)
      : machine(Machine::Current()), name(name), device(CurrentDevice()) {
    error = static_cast<cudaError_t>(machine.Enter(name));
    if (error == cudaSuccess && machine.IsBroken(device)) {
      error = cudaErrorLaunchFailure;
    }
  }

  bool failed() const { return error != cudaSuccess; }

  // The stream behind a handle, or null with `error` set.
  Stream* Find(cudaStream_t handle) {
    if (failed()) return nullptr;
    Stream* const stream = machine.FindStream(name, handle);
    if (stream == nullptr) error = cudaErrorInvalidResourceHandle;
    return stream;
  }

  // `why`, after a report, for what the caller did wrong.
  cudaError_t Misuse(cudaError_t why, absl::string_view text);

  // What blocks the host, or frees what a graph may hold, is not allowed while
  // the device has a capture under way.
  bool AllowedNow();

  Machine& machine;
  const char* const name;
  const int device;
  cudaError_t error;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_CALL_H_
