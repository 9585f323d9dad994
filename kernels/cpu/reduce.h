// Several chunks are summed side by side: one chunk alone would wait for the
// latency of each addition.

#ifndef COGDIST_KERNELS_CPU_REDUCE_H_
#define COGDIST_KERNELS_CPU_REDUCE_H_

#include "kernels/reduce.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void Sum(CpuStream& stream, const SumArgs& args);
int64_t SumWorkspaceBytes(Stream& stream, const SumArgs& args);
void ChunkSumsOfSquares(CpuStream& stream, const ChunkSumsOfSquaresArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_REDUCE_H_
