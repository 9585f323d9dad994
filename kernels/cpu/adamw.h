// One pass that moves 28 bytes an element, 30 with low-precision weights, which
// is what bounds it. Constants are computed in float64, once an update; the
// clipping factor is applied on the way: no pass of its own over the gradients.

#ifndef COGDIST_KERNELS_CPU_ADAMW_H_
#define COGDIST_KERNELS_CPU_ADAMW_H_

#include "kernels/adamw.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void AdamW(CpuStream& stream, const AdamWArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ADAMW_H_
