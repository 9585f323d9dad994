#include "runtime/cuda/cuda_stream.h"

#include <memory>
#include <utility>

#include "runtime/check.h"
#include "runtime/cuda/cuda_graph.h"
#include "runtime/cuda/cuda_status.h"

namespace cogdist {

// Holds a pooled event for as long as somebody may ask about the point.
class CudaStream::Point : public Event::Impl {
 public:
  explicit Point(std::shared_ptr<CudaEventPool> pool)
      : pool_(std::move(pool)), event_(pool_->Take()) {}
  ~Point() override { pool_->GiveBack(event_); }

  bool Done() override {
    const cudaError_t error = cudaEventQuery(event_);
    if (error == cudaErrorNotReady) return false;
    CheckCuda(error, "cudaEventQuery", __FILE__, __LINE__);
    return true;
  }
  cudaEvent_t event() const { return event_; }

 private:
  std::shared_ptr<CudaEventPool> pool_;
  cudaEvent_t event_;
};

CudaStream::CudaStream(CudaDevice& device) : device_(device) {
  COG_CHECK_CUDA(cudaSetDevice(device.index()));
  // Blocking streams would order themselves with the null stream.
  COG_CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

CudaStream::~CudaStream() {
  Synchronize();
  COG_CHECK_CUDA(cudaStreamDestroy(stream_));
}

absl::StatusOr<std::unique_ptr<GpuGraph>> CudaStream::Capture(
    absl::FunctionRef<void()> body) {
  return CudaGraph::Capture(stream_, body);
}

void CudaStream::Copy(void* to, const void* from, int64_t bytes) {
  if (bytes == 0) return;
  COG_CHECK_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
}

void CudaStream::FillZero(void* memory, int64_t bytes) {
  if (bytes == 0) return;
  COG_CHECK_CUDA(cudaMemsetAsync(memory, 0, bytes, stream_));
}

Event CudaStream::Record() {
  auto point = std::make_shared<Point>(device_.events());
  COG_CHECK_CUDA(cudaEventRecord(point->event(), stream_));
  return Event(std::move(point));
}

void CudaStream::Wait(const Event& event) {
  if (event.impl() == nullptr) return;
  const Point& point = static_cast<const Point&>(*event.impl());
  COG_CHECK_CUDA(cudaStreamWaitEvent(stream_, point.event(), 0));
}

void CudaStream::WriteWhenReached(const std::atomic<int64_t>& mark,
                                  int64_t value) {
  // Errors of the driver have the numbers of the runtime's.
  CheckCuda(static_cast<cudaError_t>(device_.stream_write_value()(
                stream_, reinterpret_cast<CUdeviceptr>(&mark), value,
                CU_STREAM_WRITE_VALUE_DEFAULT)),
            "cuStreamWriteValue64", __FILE__, __LINE__);
}

bool CudaStream::IsCapturing() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  COG_CHECK_CUDA(cudaStreamIsCapturing(stream_, &status));
  return status != cudaStreamCaptureStatusNone;
}

void CudaStream::Synchronize() {
  COG_CHECK_CUDA(cudaStreamSynchronize(stream_));
}

}  // namespace cogdist
