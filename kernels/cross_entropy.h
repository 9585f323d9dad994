// Softmax cross-entropy over a chunk of logits, loss and gradient in one pass;
// statistics in float32, natural logarithm.

#ifndef COGDIST_KERNELS_CROSS_ENTROPY_H_
#define COGDIST_KERNELS_CROSS_ENTROPY_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// loss_i = logsumexp(logits_i) - logits_i[target_i], and
// dlogits_i = gradient_scale * (softmax(logits_i) - onehot(target_i)).
// A negative target means that the row does not count: loss and gradient 0.
struct CrossEntropyArgs {
  TensorView loss;          // [rows] float32
  TensorView dlogits = {};  // [rows, vocab] float32 or bfloat16; absent in
                            // evaluation; float32 may be the memory of `logits`
  TensorView logits;        // [rows, vocab] float32
  TensorView targets;       // [rows] int32
  float gradient_scale = 1;
};
void CrossEntropy(Stream& stream, const CrossEntropyArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_CROSS_ENTROPY_H_
