// One AdamW update of a flat range of parameters (Loshchilov and Hutter, 2019):
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p = p (1 - lr wd),
//   p = p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

#ifndef COGDIST_KERNELS_ADAMW_H_
#define COGDIST_KERNELS_ADAMW_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct AdamWArgs {
  TensorView param;          // [n] float32, updated
  TensorView m, v;           // [n] float32, updated
  TensorView weight = {};    // [n] bfloat16 copy of the new param; optional
  TensorView gradient;       // [n] float32
  float gradient_scale = 1;  // g = gradient_scale * gradient: clipping
  double lr = 0, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0;
  int64_t t = 1;  // updates done, this one included
};
void AdamW(Stream& stream, const AdamWArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_ADAMW_H_
