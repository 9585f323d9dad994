// Matrix product with float32 accumulation, the bulk of all arithmetic.

#ifndef COGDIST_KERNELS_MATMUL_H_
#define COGDIST_KERNELS_MATMUL_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// How a product is cut, and so in which order its sums are taken.
enum class MatMulBlocking {
  // As the library likes it. The bits may change with the number of threads.
  kFastest,
  // In blocks of the output that depend on its shape only, each computed by one
  // thread. The bits are a function of the shapes, types, strides and numbers
  // on one type of processor, whatever the number of threads.
  kFixed,
};

// c = op(a) op(b) + bias, or c += op(a) op(b) + bias.
//
// Rows may be strided (a slice of a wider matrix), elements of a row may not.
// a and b are both float32 or both bfloat16. c is float32 or, for bfloat16
// inputs, either; float32 products use full float32. c overlaps no input. An
// activation is not part of it: see docs/gpu.md.
struct MatMulArgs {
  TensorView c;          // [m, n]
  TensorView a;          // [m, k], or [k, m] if transpose_a
  TensorView b;          // [k, n], or [n, k] if transpose_b
  TensorView bias = {};  // [n], added to every row; type of c; optional, and
                         // only with k > 0
  bool transpose_a = false;
  bool transpose_b = false;
  bool accumulate = false;  // add to c instead of overwriting it
  MatMulBlocking blocking = MatMulBlocking::kFastest;
};
void MatMul(Stream& stream, const MatMulArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_MATMUL_H_
