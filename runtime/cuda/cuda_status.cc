#include "runtime/cuda/cuda_status.h"

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist {

std::string CudaErrorText(cudaError_t error, absl::string_view call) {
  return absl::StrCat(call, " failed: ", cudaGetErrorName(error), " (",
                      cudaGetErrorString(error), ")");
}

absl::Status CudaStatus(cudaError_t error, absl::string_view call) {
  switch (error) {
    case cudaSuccess:
      return absl::OkStatus();
    case cudaErrorMemoryAllocation:
      return absl::ResourceExhaustedError(CudaErrorText(error, call));
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
      return absl::UnavailableError(CudaErrorText(error, call));
    default:
      return absl::InternalError(CudaErrorText(error, call));
  }
}

void CheckCuda(cudaError_t error, const char* call, const char* file,
               int line) {
  if (error != cudaSuccess) [[unlikely]] {
    CheckFailed(file, line, CudaErrorText(error, call));
  }
}

}  // namespace cogdist
