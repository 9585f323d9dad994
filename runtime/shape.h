// Tensor extents, outermost first. Fixed capacity: a Shape never allocates.

#ifndef COGDIST_RUNTIME_SHAPE_H_
#define COGDIST_RUNTIME_SHAPE_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/types/span.h"

namespace cogdist {

class Shape {
 public:
  static constexpr int kMaxRank = 5;
  // Times the widest element, this is still far inside 64 bits.
  static constexpr int64_t kMaxElements = int64_t{1} << 59;

  Shape() = default;  // rank 0: a scalar
  Shape(std::initializer_list<int64_t> dims)
      : Shape(absl::MakeConstSpan(dims.begin(), dims.size())) {}
  explicit Shape(absl::Span<const int64_t> dims);

  int rank() const { return rank_; }
  // Negative indices count from the end: dim(-1) is the innermost extent.
  int64_t dim(int i) const { return dims_[i < 0 ? rank_ + i : i]; }
  void set_dim(int i, int64_t extent) { dims_[i < 0 ? rank_ + i : i] = extent; }
  absl::Span<const int64_t> dims() const {
    return absl::MakeConstSpan(dims_.data(), rank_);
  }
  // The product of the extents. More than kMaxElements are a bug: no memory
  // holds them, and their bytes could wrap round to a small number.
  int64_t num_elements() const;

  std::string ToString() const;  // "[2, 3]"

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.dims() == b.dims();
  }

 private:
  int rank_ = 0;
  std::array<int64_t, kMaxRank> dims_{};
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SHAPE_H_
