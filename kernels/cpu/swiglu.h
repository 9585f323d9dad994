#ifndef COGDIST_KERNELS_CPU_SWIGLU_H_
#define COGDIST_KERNELS_CPU_SWIGLU_H_

#include "kernels/swiglu.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void SwiGluForward(CpuStream& stream, const SwiGluForwardArgs& args);
void SwiGluBackward(CpuStream& stream, const SwiGluBackwardArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_SWIGLU_H_
