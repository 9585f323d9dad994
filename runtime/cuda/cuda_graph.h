// Work of a stream, and of streams that it waits for, captured once and
// launched many times: a step costs the host one call instead of a thousand.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_
#define COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_

#include <cuda_runtime_api.h>

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/cuda/cuda_stream.h"

namespace cogdist {

// Addresses and numbers are those of the capture. Move-only; destroyed after
// its last launch is done.
class CudaGraph {
 public:
  // What `body` enqueues on `stream`, and on streams that wait for events of
  // `stream` and that `stream` waits for in the end. `body` neither blocks nor
  // allocates: workspaces have their size already, e.g. after a step that was
  // not captured. FAILED_PRECONDITION says what did not fit into a graph.
  static absl::StatusOr<CudaGraph> Capture(CudaStream& stream,
                                           absl::FunctionRef<void()> body);

  ~CudaGraph();
  CudaGraph(CudaGraph&& other) noexcept
      : graph_(std::exchange(other.graph_, nullptr)) {}
  CudaGraph& operator=(CudaGraph&& other) noexcept {
    std::swap(graph_, other.graph_);
    return *this;
  }

  void Launch(CudaStream& stream);

 private:
  explicit CudaGraph(cudaGraphExec_t graph) : graph_(graph) {}

  cudaGraphExec_t graph_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_
