// A GPU, real or virtual, and tensors on it.

#ifndef COGDIST_TESTS_TESTING_GPU_H_
#define COGDIST_TESTS_TESTING_GPU_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "parallel/gpu_backend.h"
#include "runtime/bfloat16.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist::testing {

inline std::unique_ptr<Device> CreateGpu(const GpuBackend& gpus,
                                         int index = 0) {
  auto device = gpus.create_device(index);
  COG_CHECK_OK(device.status());
  return *std::move(device);
}

// A tensor on a device, from and to floats on the host.
class GpuTensor {
 public:
  GpuTensor(Device& device, DType dtype, int64_t count) {
    auto buffer = Buffer::Allocate(device, count * SizeOf(dtype));
    COG_CHECK_OK(buffer.status());
    buffer_ = *std::move(buffer);
    view_ = TensorView(buffer_.data(), dtype, {count});
  }
  const TensorView& view() const { return view_; }

  void Set(Stream& stream, const std::vector<float>& values) {
    const std::vector<BFloat16> narrow(values.begin(), values.end());
    const void* const from = view_.dtype == DType::kFloat32
                                 ? static_cast<const void*>(values.data())
                                 : narrow.data();
    stream.Copy(view_.data, from, view_.bytes());
    stream.Synchronize();
  }
  std::vector<float> Get(Stream& stream) const {
    std::vector<float> values(view_.num_elements());
    std::vector<BFloat16> narrow(values.size());
    void* const to = view_.dtype == DType::kFloat32
                         ? static_cast<void*>(values.data())
                         : narrow.data();
    stream.Copy(to, view_.data, view_.bytes());
    stream.Synchronize();
    if (view_.dtype == DType::kFloat32) return values;
    return std::vector<float>(narrow.begin(), narrow.end());
  }

 private:
  Buffer buffer_;
  TensorView view_;
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_GPU_H_
