#ifndef COGDIST_KERNELS_CPU_ADAMW_H_
#define COGDIST_KERNELS_CPU_ADAMW_H_

#include "kernels/adamw.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void AdamW(CpuStream& stream, const AdamWArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ADAMW_H_
