// Two tensors gone through together, by runs of elements that are contiguous in
// both.

#ifndef COGDIST_KERNELS_RUNS_H_
#define COGDIST_KERNELS_RUNS_H_

#include <cstdint>

namespace cogdist {

struct TensorView;

// Plain numbers, which kernels of any device take along.
struct Runs {
  static constexpr int kMaxOuter = 5;  // a Shape's most dimensions

  int64_t run = 0;  // elements of one
  int outer = 0;    // dimensions outside a run; 0 where one run is all
  int64_t extent[kMaxOuter] = {};
  int64_t stride_a[kMaxOuter] = {};  // in elements, and
  int64_t stride_b[kMaxOuter] = {};
};

// REQUIRES: equal shapes, or both contiguous and of equal size.
Runs RunsOf(const TensorView& a, const TensorView& b);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_RUNS_H_
