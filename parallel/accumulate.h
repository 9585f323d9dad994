// The addition inside host reductions.

#ifndef COGDIST_PARALLEL_ACCUMULATE_H_
#define COGDIST_PARALLEL_ACCUMULATE_H_

#include <cstdint>

#include "runtime/dtype.h"

namespace cogdist {

// y[i] += x[i] for i < count, both float32 or both bfloat16 (added in float32,
// rounded once). On the calling thread: it runs between two kernels.
void Accumulate(DType dtype, void* y, const void* x, int64_t count);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_ACCUMULATE_H_
