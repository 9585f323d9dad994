// A pattern of the host, again and again, in the memory of any device.

#ifndef COGDIST_RUNTIME_FILL_PATTERN_H_
#define COGDIST_RUNTIME_FILL_PATTERN_H_

#include <algorithm>

#include "absl/types/span.h"
#include "runtime/check.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Element i of `to`, which is contiguous and of type T, = pattern[i % size].
// The pattern must stay valid until the stream has done it.
template <typename T>
void FillPattern(Stream& stream, const TensorView& to,
                 absl::Span<const T> pattern) {
  COG_CHECK(to.IsContiguous() && !pattern.empty());
  T* const elements = to.Data<T>();
  const int64_t size = pattern.size(), count = to.num_elements();
  for (int64_t i = 0; i < count; i += size) {
    stream.Copy(elements + i, pattern.data(),
                std::min(size, count - i) * sizeof(T));
  }
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_FILL_PATTERN_H_
