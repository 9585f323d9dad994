#include "runtime/cuda/cuda_graph.h"

#include "runtime/cuda/cuda_status.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<GpuGraph>> CudaGraph::Capture(
    cudaStream_t stream, absl::FunctionRef<void()> body) {
  // Other threads of the process, e.g. those of other ranks in tests, may go on
  // using CUDA as they like.
  COG_RETURN_IF_ERROR(CudaStatus(
      cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
      "cudaStreamBeginCapture"));
  body();
  cudaGraph_t captured = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream, &captured);
  if (error != cudaSuccess) {
    cudaGetLastError();
    return absl::FailedPreconditionError(
        CudaErrorText(error, "cudaStreamEndCapture"));
  }
  cudaGraphExec_t graph = nullptr;
  const absl::Status made = CudaStatus(
      cudaGraphInstantiate(&graph, captured, 0), "cudaGraphInstantiate");
  cudaGraphDestroy(captured);
  COG_RETURN_IF_ERROR(made);
  return std::unique_ptr<GpuGraph>(new CudaGraph(graph));
}

CudaGraph::~CudaGraph() { COG_CHECK_CUDA(cudaGraphExecDestroy(graph_)); }

void CudaGraph::Launch(GpuStream& stream) {
  COG_CHECK_CUDA(cudaGraphLaunch(graph_, AsCudaStream(stream).handle()));
}

}  // namespace cogdist
