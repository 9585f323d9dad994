// Errors of the CUDA runtime. What fails while a device is set up is a Status;
// what fails within a step ends the rank with the call, rank and step, and the
// launcher starts the job again from a checkpoint.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_STATUS_H_
#define COGDIST_RUNTIME_CUDA_CUDA_STATUS_H_

#include <cuda_runtime_api.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// "cudaMalloc failed: cudaErrorMemoryAllocation (out of memory)".
std::string CudaErrorText(cudaError_t error, absl::string_view call);

// RESOURCE_EXHAUSTED without memory, UNAVAILABLE without a device or a driver
// for it, else INTERNAL.
absl::Status CudaStatus(cudaError_t error, absl::string_view call);

// Ends the process unless `error` is none; see COG_CHECK_CUDA.
void CheckCuda(cudaError_t error, const char* call, const char* file, int line);

}  // namespace cogdist

// COG_CHECK_CUDA(cudaStreamSynchronize(stream)): the call succeeds, or the rank
// ends.
#define COG_CHECK_CUDA(call) \
  ::cogdist::CheckCuda((call), #call, __FILE__, __LINE__)

#endif  // COGDIST_RUNTIME_CUDA_CUDA_STATUS_H_
