// RMSNorm with a fused residual addition; statistics in float32.
// y = x * rsqrt(mean(x^2) + eps) * gain (Zhang and Sennrich, 2019).

#ifndef COGDIST_KERNELS_RMSNORM_H_
#define COGDIST_KERNELS_RMSNORM_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// With `residual`, normalises s = x + residual and also writes s (rounded to
// its type first, so that y belongs to the s that is kept); `sum` may be x
// itself.
struct RmsNormForwardArgs {
  TensorView y;         // [rows, hidden]
  TensorView rstd;      // [rows] float32: rsqrt(mean(s^2) + eps), for backward
  TensorView sum = {};  // [rows, hidden]; absent without `residual`
  TensorView x;         // [rows, hidden]
  TensorView residual = {};  // [rows, hidden]; optional
  TensorView gain;           // [hidden]
  float eps = 1e-6f;
};
void RmsNormForward(Stream& stream, const RmsNormForwardArgs& args);

// With `residual_gradient` (the gradient that reaches s past the norm),
// dx = residual_gradient + d(norm)/ds; dx may be the same memory.
struct RmsNormBackwardArgs {
  TensorView dx;                      // [rows, hidden], overwritten
  TensorView dgain;                   // [hidden] float32, accumulated
  TensorView dy;                      // [rows, hidden]
  TensorView x;                       // [rows, hidden]: what was normalised (s)
  TensorView gain;                    // [hidden]
  TensorView rstd;                    // [rows] float32
  TensorView residual_gradient = {};  // [rows, hidden]; optional
};
void RmsNormBackward(Stream& stream, const RmsNormBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_RMSNORM_H_
