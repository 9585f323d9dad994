// Device memory for some stretches of a flat array: all of the parameters'
// elements, or those of them that one rank owns.

#ifndef COGDIST_PARALLEL_FLAT_BUFFER_H_
#define COGDIST_PARALLEL_FLAT_BUFFER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/partition.h"
#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

class FlatBuffer {
 public:
  // Holds nothing.
  FlatBuffer() = default;
  // Zeroed memory for `pieces`, which ascend and do not overlap. Each starts on
  // Device::kAlignment.
  static absl::StatusOr<FlatBuffer> Allocate(Device& device, Stream& stream,
                                             DType dtype,
                                             std::vector<ElementRange> pieces);

  explicit operator bool() const { return !pieces_.empty(); }
  int64_t bytes() const { return buffer_.bytes(); }

  // Elements by their place in the whole array, as [range.count].
  // REQUIRES: one piece holds all of them, or there are none.
  TensorView View(ElementRange range) const;

 private:
  Buffer buffer_;
  DType dtype_ = DType::kFloat32;
  std::vector<ElementRange> pieces_;
  std::vector<int64_t> offsets_;  // of the pieces in the buffer, in elements
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_FLAT_BUFFER_H_
