// LayerNorm with a fused residual addition; statistics in float32.
// y = (x - mean(x)) / sqrt(var(x) + eps) * gain + bias (Ba, Kiros and Hinton,
// 2016), var the mean of the squared differences.

#ifndef COGDIST_KERNELS_LAYERNORM_H_
#define COGDIST_KERNELS_LAYERNORM_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// With `residual`, normalises s = x + residual and also writes s (rounded to
// its type first, so that y belongs to the s that is kept); `sum` may be x
// itself. The variance is taken from differences: a large mean costs y the
// digits that rounding it to float32 does, and no others.
struct LayerNormForwardArgs {
  TensorView y;         // [rows, hidden]
  TensorView mean;      // [rows] float32: of s, for backward
  TensorView rstd;      // [rows] float32: 1 / sqrt(var(s) + eps), for backward
  TensorView sum = {};  // [rows, hidden]; absent without `residual`
  TensorView x;         // [rows, hidden]
  TensorView residual = {};  // [rows, hidden]; optional
  TensorView gain;           // [hidden]
  TensorView bias;           // [hidden], type of gain
  float eps = 1e-5f;
};
void LayerNormForward(Stream& stream, const LayerNormForwardArgs& args);

// With `residual_gradient` (the gradient that reaches s past the norm),
// dx = residual_gradient + d(norm)/ds; dx may be the same memory.
struct LayerNormBackwardArgs {
  TensorView dx;                      // [rows, hidden], overwritten
  TensorView dgain;                   // [hidden] float32, accumulated
  TensorView dbias;                   // [hidden] float32, accumulated
  TensorView dy;                      // [rows, hidden]
  TensorView x;                       // [rows, hidden]: what was normalised (s)
  TensorView gain;                    // [hidden]
  TensorView mean;                    // [rows] float32
  TensorView rstd;                    // [rows] float32
  TensorView residual_gradient = {};  // [rows, hidden]; optional
};
void LayerNormBackward(Stream& stream, const LayerNormBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_LAYERNORM_H_
