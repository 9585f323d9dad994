#include "runtime/cuda/cuda_event_pool.h"

#include "runtime/cuda/cuda_status.h"

namespace cogdist {

CudaEventPool::~CudaEventPool() {
  for (const cudaEvent_t event : free_) cudaEventDestroy(event);
}

cudaEvent_t CudaEventPool::Take() {
  cudaEvent_t event = nullptr;
  if (free_.empty()) {
    COG_CHECK_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  } else {
    event = free_.back();
    free_.pop_back();
  }
  return event;
}

}  // namespace cogdist
