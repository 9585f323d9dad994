#include "runtime/cuda/cuda_graph.h"

#include "runtime/cuda/cuda_status.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<CudaGraph> CudaGraph::Capture(CudaStream& stream,
                                             absl::FunctionRef<void()> body) {
  // Other threads of the process, e.g. those of other ranks in tests, may go on
  // using CUDA as they like.
  COG_RETURN_IF_ERROR(CudaStatus(
      cudaStreamBeginCapture(stream.handle(), cudaStreamCaptureModeThreadLocal),
      "cudaStreamBeginCapture"));
  body();
  cudaGraph_t captured = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream.handle(), &captured);
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
  return CudaGraph(graph);
}

CudaGraph::~CudaGraph() {
  if (graph_ != nullptr) COG_CHECK_CUDA(cudaGraphExecDestroy(graph_));
}

void CudaGraph::Launch(CudaStream& stream) {
  COG_CHECK_CUDA(cudaGraphLaunch(graph_, stream.handle()));
}

}  // namespace cogdist
