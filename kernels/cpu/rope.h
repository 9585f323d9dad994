// A thread takes whole tokens: the heads of one token share the row of the
// table that their position has, and lie next to each other in memory.

#ifndef COGDIST_KERNELS_CPU_ROPE_H_
#define COGDIST_KERNELS_CPU_ROPE_H_

#include "kernels/rope.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void Rope(CpuStream& stream, const RopeArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ROPE_H_
