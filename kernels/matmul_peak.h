// The machine's rate in matrix products: the yardstick of model FLOP
// utilisation.

#ifndef COGDIST_KERNELS_MATMUL_PEAK_H_
#define COGDIST_KERNELS_MATMUL_PEAK_H_

#include <cstdint>

#include "runtime/dtype.h"
#include "runtime/stream.h"

namespace cogdist {

// FLOP/s (2 n^3 a product) of the best of a few products of two n x n matrices
// in `dtype` (float32 or bfloat16; the result has the same type) with the
// stream's device and threads. Takes about 0.2 s and three matrices of memory,
// which it gives back; RESOURCE_EXHAUSTED without room for them.
// REQUIRES: a device that computes.
absl::StatusOr<double> MeasureGemmFlops(Stream& stream, DType dtype, int64_t n);

// With the size that is usual for the device: 1024 on a host; on a GPU, which
// that would not fill, the first power of two whose product lasts a
// millisecond, but at most 8192, and no more than there is room for.
absl::StatusOr<double> MeasureGemmFlops(Stream& stream, DType dtype);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_MATMUL_PEAK_H_
