// CUDA events, used again and again: making one costs more than recording it,
// and a step records hundreds.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_EVENT_POOL_H_
#define COGDIST_RUNTIME_CUDA_CUDA_EVENT_POOL_H_

#include <cuda_runtime_api.h>

#include <vector>

namespace cogdist {

// Of one device; used by the rank's thread.
class CudaEventPool {
 public:
  CudaEventPool() = default;
  ~CudaEventPool();
  CudaEventPool(const CudaEventPool&) = delete;

  // An event without timing, on the current device.
  cudaEvent_t Take();
  // A wait that was enqueued for the event's latest point stays valid.
  void GiveBack(cudaEvent_t event) { free_.push_back(event); }

 private:
  std::vector<cudaEvent_t> free_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_CUDA_EVENT_POOL_H_
