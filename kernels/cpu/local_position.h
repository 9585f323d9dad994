#ifndef COGDIST_KERNELS_CPU_LOCAL_POSITION_H_
#define COGDIST_KERNELS_CPU_LOCAL_POSITION_H_

#include "kernels/local_position.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void LocalPosition(CpuStream& stream, const LocalPositionArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_LOCAL_POSITION_H_
