// Tensors for a benchmark, on any device: made on the host and copied.

#ifndef COGDIST_LAUNCHER_BENCH_DEVICE_TENSORS_H_
#define COGDIST_LAUNCHER_BENCH_DEVICE_TENSORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "runtime/buffer.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Owns what it hands out. When memory runs out, status() says so, and tensors
// are absent from then on: a benchmark makes all it needs, then looks.
class DeviceTensors {
 public:
  // The stream outlives it.
  explicit DeviceTensors(Stream& stream) : stream_(stream) {}

  // Standard normal, with a period of 65,536: arithmetic on zeros takes less
  // power, and so may be faster. float32 or bfloat16.
  TensorView Normal(DType dtype, const Shape& shape);
  TensorView Zeros(DType dtype, const Shape& shape);
  // int32, spread evenly over [0, below).
  TensorView Ids(int64_t count, int64_t below);
  // A copy of the host's values.
  TensorView Copy(const std::vector<float>& values, const Shape& shape);

  const absl::Status& status() const { return status_; }

 private:
  TensorView Allocate(DType dtype, const Shape& shape);

  Stream& stream_;
  absl::Status status_;
  std::vector<Buffer> buffers_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_DEVICE_TENSORS_H_
