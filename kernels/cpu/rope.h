#ifndef COGDIST_KERNELS_CPU_ROPE_H_
#define COGDIST_KERNELS_CPU_ROPE_H_

#include "kernels/rope.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void Rope(CpuStream& stream, const RopeArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ROPE_H_
