// The activation of the feed-forward layers of vision transformers:
// gelu(x) = x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2 (Hendrycks and
// Gimpel, "Gaussian Error Linear Units", 2016). The exact form, not the
// approximation by tanh, which differs by up to 5e-4.

#ifndef COGDIST_KERNELS_GELU_H_
#define COGDIST_KERNELS_GELU_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// y = gelu(x + bias).
struct GeluForwardArgs {
  TensorView y;          // [rows, ffn]; may be x itself
  TensorView x;          // [rows, ffn]
  TensorView bias = {};  // [ffn]; optional
};
void GeluForward(Stream& stream, const GeluForwardArgs& args);

struct GeluBackwardArgs {
  TensorView dx;          // [rows, ffn], overwritten; may be dy or x itself
  TensorView dbias = {};  // [ffn] float32, accumulated: the sum of dx over the
                          // rows; optional, with or without `bias`
  TensorView dy;          // [rows, ffn]
  TensorView x;           // [rows, ffn]
  TensorView bias = {};   // [ffn]; optional
};
void GeluBackward(Stream& stream, const GeluBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_GELU_H_
