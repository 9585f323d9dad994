// CUDA's runtime interface: streams and events.

#include <memory>
#include <mutex>

#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"
#include "tests/vgpu/runtime/event.h"

using cogdist::vgpu::Call;
using cogdist::vgpu::Signal;
using cogdist::vgpu::Stream;
using cogdist::vgpu::Work;

namespace {

cudaError_t Invalidate(Call& call, Stream& stream) {
  stream.capture()->invalid = true;
  return call.Misuse(cudaErrorStreamCaptureUnsupported,
                     "the stream takes part in a capture");
}

cudaError_t Result(const Call& call, const Stream& stream) {
  return call.machine.IsBroken(stream.device()) ? cudaErrorLaunchFailure
                                                : cudaSuccess;
}

// A wait on a stream that captures, or for an event that was captured.
cudaError_t CaptureWait(Call& call, Stream& stream, const CUevent_st& event) {
  if (event.capture == nullptr) {
    if (event.signal == nullptr) return cudaSuccess;
    stream.capture()->invalid = true;
    return call.Misuse(cudaErrorStreamCaptureIsolation,
                       "the event was recorded outside of the capture");
  }
  if (stream.capture() != nullptr && stream.capture() != event.capture) {
    return call.Misuse(cudaErrorStreamCaptureMerge, "two captures would meet");
  }
  if (event.capture->ended()) {
    return call.Misuse(cudaErrorCapturedEvent,
                       "the event was recorded by a capture that has ended");
  }
  stream.capture() = event.capture;
  event.capture->AddWait(&stream, event.point);
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int) {
  Call call("cudaStreamCreateWithFlags");
  if (!call.failed()) *stream = call.machine.CreateStream(call.device);
  return call.error;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  Call call("cudaStreamDestroy");
  Stream* const stream = call.Find(handle);
  if (stream != nullptr) call.machine.DestroyStream(stream);
  return call.error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  Call call("cudaStreamSynchronize");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (stream->capture() != nullptr) return Invalidate(call, *stream);
  stream->Synchronize();
  return Result(call, *stream);
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  Call call("cudaStreamQuery");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (stream->capture() != nullptr) return Invalidate(call, *stream);
  Signal* const end = stream->EndSignal();
  call.machine.FlushStreams();
  if (!end->IsSet()) return cudaErrorNotReady;
  call.machine.HostSaw(stream->device(), *end);
  return Result(call, *stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event,
                                unsigned int) {
  Call call("cudaStreamWaitEvent");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture() != nullptr || event->capture != nullptr) {
    return CaptureWait(call, *stream, *event);
  }
  if (event->signal != nullptr) stream->PushWait(event->signal);
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function,
                               void* data) {
  Call call("cudaLaunchHostFunc");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  return stream->Submit("cudaLaunchHostFunc", [=](Work* work) {
    *work = [=](Stream& on) {
      const std::lock_guard lock(on.machine().baton(on.device()));
      function(data);
    };
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  Call call("cudaEventCreateWithFlags");
  if (!call.failed()) *event = new CUevent_st{.device = call.device};
  return call.error;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Call call("cudaEventDestroy");
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  delete event;
  return call.error;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  Call call("cudaEventRecord");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (event->device != stream->device()) {
    return call.Misuse(cudaErrorInvalidResourceHandle,
                       "the event is another device's");
  }
  event->signal = nullptr;
  event->capture = stream->capture();
  if (event->capture != nullptr) {
    event->point = event->capture->AddRecord(stream);
  } else {
    event->signal = stream->PushSignal();
  }
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  Call call("cudaEventQuery");
  if (call.failed()) return call.error;
  if (event->capture != nullptr) return cudaErrorCapturedEvent;
  call.machine.FlushStreams();
  if (event->signal != nullptr) {
    if (!event->signal->IsSet()) return cudaErrorNotReady;
    call.machine.HostSaw(event->device, *event->signal);
  }
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Call call("cudaEventSynchronize");
  if (call.failed()) return call.error;
  if (event->capture != nullptr) return cudaErrorCapturedEvent;
  call.machine.FlushStreams();
  if (event->signal != nullptr) {
    event->signal->Wait();
    call.machine.HostSaw(event->device, *event->signal);
  }
  return call.machine.IsBroken(event->device) ? cudaErrorLaunchFailure
                                              : cudaSuccess;
}

}  // extern "C"
