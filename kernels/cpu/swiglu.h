// The backward pass computes the sigmoid again instead of keeping it: cheaper
// than reading [rows, ffn] from memory. It reads all inputs of a vector before
// it writes one, so that the gradients may take the place of gate and up.

#ifndef COGDIST_KERNELS_CPU_SWIGLU_H_
#define COGDIST_KERNELS_CPU_SWIGLU_H_

#include "kernels/swiglu.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void SwiGluForward(CpuStream& stream, const SwiGluForwardArgs& args);
void SwiGluBackward(CpuStream& stream, const SwiGluBackwardArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_SWIGLU_H_
