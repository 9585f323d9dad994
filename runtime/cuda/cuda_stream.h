// A CUDA stream.

#ifndef COGDIST_RUNTIME_CUDA_CUDA_STREAM_H_
#define COGDIST_RUNTIME_CUDA_CUDA_STREAM_H_

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>

#include "runtime/cuda/cuda_device.h"
#include "runtime/gpu_stream.h"
#include "runtime/scratch_memory.h"

namespace cogdist {

class CudaStream : public GpuStream {
 public:
  explicit CudaStream(CudaDevice& device);
  ~CudaStream() override;  // waits for its work

  CudaDevice& device() const override { return device_; }
  const KernelTable& kernels() const override { return device_.kernels(); }
  void WriteWhenReached(const std::atomic<int64_t>& mark,
                        int64_t value) override;
  absl::StatusOr<std::unique_ptr<GpuGraph>> Capture(
      absl::FunctionRef<void()> body) override;

  void Copy(void* to, const void* from, int64_t bytes) override;
  void FillZero(void* memory, int64_t bytes) override;
  Event Record() override;
  // `event` is one of the same device's.
  void Wait(const Event& event) override;
  void Synchronize() override;
  void* Workspace(int64_t bytes) override {
    return workspace_.Reserve(*this, bytes);
  }
  int64_t workspace_bytes() const override { return workspace_.bytes(); }

  // Whether work is captured into a graph instead of done.
  bool IsCapturing() const;

  cudaStream_t handle() const { return stream_; }

 private:
  class Point;

  CudaDevice& device_;
  cudaStream_t stream_ = nullptr;
  ScratchMemory workspace_;
};

// The CUDA stream behind a stream. REQUIRES: device_type() == kCuda.
inline CudaStream& AsCudaStream(Stream& stream) {
  return static_cast<CudaStream&>(AsGpuStream(stream));
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CUDA_CUDA_STREAM_H_
