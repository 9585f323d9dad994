// Matrix products through cuBLASLt, which takes matrices column by column: a
// matrix stored by rows is its own transpose to it, so c^T = op(b)^T op(a)^T is
// what it computes.

#ifndef COGDIST_KERNELS_CUDA_MATMUL_H_
#define COGDIST_KERNELS_CUDA_MATMUL_H_

#include "kernels/matmul.h"
#include "runtime/stream.h"

namespace cogdist::cuda {

// The library picks its fastest kernel when a shape comes for the first time on
// a stream; after that the choice, and so the bits, stay.
void MatMul(Stream& stream, const MatMulArgs& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_MATMUL_H_
