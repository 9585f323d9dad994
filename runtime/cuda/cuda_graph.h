// A CUDA graph; runtime/gpu_stream.h says what it is.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_
#define COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_

#include <cuda_runtime_api.h>

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/gpu_stream.h"

namespace cogdist {

class CudaGraph : public GpuGraph {
 public:
  // See GpuStream::Capture().
  static absl::StatusOr<std::unique_ptr<GpuGraph>> Capture(
      cudaStream_t stream, absl::FunctionRef<void()> body);

  ~CudaGraph() override;
  CudaGraph(const CudaGraph&) = delete;

  void Launch(GpuStream& stream) override;

 private:
  explicit CudaGraph(cudaGraphExec_t graph) : graph_(graph) {}

  const cudaGraphExec_t graph_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_CUDA_GRAPH_H_
