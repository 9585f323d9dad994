// CUDA's runtime interface: graphs.

#include <memory>
#include <utility>

#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/call.h"
#include "tests/vgpu/runtime/graph.h"

using cogdist::vgpu::Call;
using cogdist::vgpu::Capture;
using cogdist::vgpu::GraphDefinition;
using cogdist::vgpu::LaunchGraph;
using cogdist::vgpu::Stream;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode) {
  Call call("cudaStreamBeginCapture");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (stream->capture() != nullptr) {
    return call.Misuse(cudaErrorStreamCaptureUnsupported,
                       "the stream captures already");
  }
  stream->capture() = std::make_shared<Capture>(stream);
  ++call.machine.captures(stream->device());
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle,
                                  cudaStreamCaptureStatus* status) {
  Call call("cudaStreamIsCapturing");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  *status = stream->capture() == nullptr ? cudaStreamCaptureStatusNone
            : stream->capture()->invalid ? cudaStreamCaptureStatusInvalidated
                                         : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  Call call("cudaStreamEndCapture");
  *graph = nullptr;
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  const std::shared_ptr<Capture> capture = stream->capture();
  if (capture == nullptr || !capture->IsOrigin(stream)) {
    return call.Misuse(cudaErrorStreamCaptureUnmatched,
                       "no capture began on this stream");
  }
  for (Stream* member : capture->streams()) member->capture() = nullptr;
  --call.machine.captures(stream->device());
  GraphDefinition definition = capture->End();
  if (capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (!capture->IsJoined()) {
    return call.Misuse(cudaErrorStreamCaptureUnjoined,
                       "the origin does not wait for another stream's work");
  }
  *graph = new CUgraph_st{.definition = std::move(definition)};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long) {
  Call call("cudaGraphInstantiate");
  if (call.failed()) return call.error;
  *exec = new CUgraphExec_st{.definition = graph->definition,
                             .device = call.device};
  for (int lane = 1; lane < graph->definition.lanes; ++lane) {
    (*exec)->side_streams.push_back(call.machine.CreateStream(call.device));
  }
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  Call call("cudaGraphLaunch");
  Stream* const stream = call.Find(handle);
  if (stream == nullptr) return call.error;
  if (stream->capture() != nullptr) {
    return call.Misuse(cudaErrorStreamCaptureUnsupported,
                       "graphs within graphs are not supported here");
  }
  return LaunchGraph(*exec, *stream);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  Call call("cudaGraphDestroy");
  delete graph;
  return call.error;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  Call call("cudaGraphExecDestroy");
  for (Stream* side : exec->side_streams) call.machine.DestroyStream(side);
  delete exec;
  return call.error;
}

}  // extern "C"
