// Fixed chunks of the flat range, each on one thread. Lanes are rounded by
// integer arithmetic as BFloat16(float) does it, on every instruction set.

#ifndef COGDIST_KERNELS_CPU_CAST_H_
#define COGDIST_KERNELS_CPU_CAST_H_

#include "kernels/cast.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void Cast(CpuStream& stream, const CastArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_CAST_H_
