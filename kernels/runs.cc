#include "kernels/runs.h"

#include "runtime/tensor.h"

namespace cogdist {

static_assert(Runs::kMaxOuter == Shape::kMaxRank);

Runs RunsOf(const TensorView& a, const TensorView& b) {
  if (a.IsContiguous() && b.IsContiguous()) return {.run = a.num_elements()};
  Runs runs = {.run = 1, .outer = a.shape.rank()};
  for (; runs.outer > 0; --runs.outer) {
    const int d = runs.outer - 1;
    if (a.dim(d) != 1 &&
        (a.strides.dim(d) != runs.run || b.strides.dim(d) != runs.run)) {
      break;
    }
    runs.run *= a.dim(d);
  }
  for (int d = 0; d < runs.outer; ++d) {
    runs.extent[d] = a.dim(d);
    runs.stride_a[d] = a.strides.dim(d);
    runs.stride_b[d] = b.strides.dim(d);
  }
  return runs;
}

}  // namespace cogdist
