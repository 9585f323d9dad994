#ifndef COGDIST_KERNELS_CPU_ELEMENTWISE_H_
#define COGDIST_KERNELS_CPU_ELEMENTWISE_H_

#include "kernels/elementwise.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void Add(CpuStream& stream, const AddArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ELEMENTWISE_H_
