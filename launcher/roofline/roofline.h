// How long a kernel takes on a GPU: at least, by what the hardware can do, and
// by a model whose few constants are fitted to published rates. Nothing here
// has been measured on a GPU; docs/performance.md has the errors on what others
// have measured.

#ifndef COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_H_
#define COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_H_

#include "absl/strings/string_view.h"
#include "launcher/roofline/gpu_specs.h"
#include "launcher/roofline/kernel_cost.h"

namespace cogdist {

// What a kernel cannot do without for the longest time.
enum class Bound { kProducts, kExponentials, kInstructions, kMemory };

absl::string_view Name(Bound bound);

struct Prediction {
  Bound bound = Bound::kMemory;
  double bound_seconds = 0;  // with that one resource busy all the time
  double seconds = 0;        // predicted, at least bound_seconds
};

// The bound: products at the path's rate, exponentials, other instructions, and
// memory traffic, each as if it were alone.
//
// The prediction: products at the rate that kernels of this path get, then, not
// beside it, the other instructions; or the memory traffic, if that takes
// longer; and a constant for a launch. Products run in waves of tiles over the
// multiprocessors.
Prediction Predict(const KernelCost& cost, const GpuSpec& gpu);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_ROOFLINE_H_
