// The gated activation of the feed-forward layer: y = silu(gate) * up
// (Shazeer, "GLU variants improve Transformer", 2020).

#ifndef COGDIST_KERNELS_SWIGLU_H_
#define COGDIST_KERNELS_SWIGLU_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct SwiGluForwardArgs {
  TensorView y;        // [rows, ffn]
  TensorView gate_up;  // [rows, 2 * ffn]: gate, then up
};
void SwiGluForward(Stream& stream, const SwiGluForwardArgs& args);

struct SwiGluBackwardArgs {
  TensorView d_gate_up;  // [rows, 2 * ffn], overwritten; may be gate_up itself
  TensorView dy;         // [rows, ffn]
  TensorView gate_up;    // [rows, 2 * ffn]
};
void SwiGluBackward(Stream& stream, const SwiGluBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_SWIGLU_H_
