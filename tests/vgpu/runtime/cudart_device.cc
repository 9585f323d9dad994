// CUDA's runtime interface: errors and devices.

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"
#include "tests/vgpu/runtime/machine.h"

using cogdist::vgpu::Call;
using cogdist::vgpu::CurrentDevice;
using cogdist::vgpu::Machine;

namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "a launch that the device does not take"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
     "the direction of the copy does not fit its memory"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "the driver is too old"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "there is no device"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "no such device"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
     "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "not done yet"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an address that the device may not use"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure",
     "earlier work has failed"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "not allowed during a capture"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "the capture was made invalid by an earlier call"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "two captures would become one"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "the capture did not begin on this stream"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "the capture's end does not wait for all of its streams"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "a captured wait for an event outside of the capture"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "the event was recorded by a capture"},
};

const ErrorText& Find(cudaError_t error) {
  static constexpr ErrorText kUnknown = {cudaErrorUnknown, "cudaErrorUnknown",
                                         "unknown error"};
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known;
  }
  return kUnknown;
}

}  // namespace

extern "C" {

const char* cudaGetErrorName(cudaError_t error) { return Find(error).name; }

// With the first report, for programs that end without a test to ask for it.
const char* cudaGetErrorString(cudaError_t error) {
  const char* const text = Find(error).text;
  if (error != cudaErrorLaunchFailure) return text;
  const std::vector<std::string> reports = Machine::Current().reports();
  if (reports.empty()) return text;
  thread_local std::string with_report;
  with_report = absl::StrCat(text, ": ", reports.front());
  return with_report.c_str();
}

// Kernels' launches are what has no other way to tell; here they have none.
cudaError_t cudaGetLastError() { return Call("cudaGetLastError").error; }

cudaError_t cudaDriverGetVersion(int* driverVersion) {
  Call call("cudaDriverGetVersion");
  *driverVersion = call.machine.options().driver_version;
  return call.error;
}

cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  Call call("cudaRuntimeGetVersion");
  *runtimeVersion = 13000;
  return call.error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  Call call("cudaGetDeviceCount");
  *count = 0;
  if (call.failed()) return call.error;
  *count = call.machine.num_devices();
  return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  Call call("cudaSetDevice");
  if (call.failed()) return call.error;
  if (!call.machine.HasDevice(device)) return cudaErrorInvalidDevice;
  CurrentDevice() = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  Call call("cudaGetDevice");
  *device = call.device;
  return call.error;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr,
                                   int device) {
  Call call("cudaDeviceGetAttribute");
  if (call.failed()) return call.error;
  if (!call.machine.HasDevice(device)) return cudaErrorInvalidDevice;
  switch (attr) {
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = call.machine.options().compute_capability / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = call.machine.options().compute_capability % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(call.machine.shared_bytes_per_block());
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaDeviceGetPCIBusId(char* pciBusId, int len, int device) {
  Call call("cudaDeviceGetPCIBusId");
  if (call.failed()) return call.error;
  if (!call.machine.HasDevice(device)) return cudaErrorInvalidDevice;
  const int length = std::snprintf(pciBusId, len, "0000:%02x:00.0", device);
  return length < len ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaDeviceSynchronize() {
  Call call("cudaDeviceSynchronize");
  if (!call.AllowedNow()) return call.error;
  call.machine.FlushStreams();
  call.machine.Synchronize(call.device);
  return call.machine.IsBroken(call.device) ? cudaErrorLaunchFailure
                                            : cudaSuccess;
}

}  // extern "C"
