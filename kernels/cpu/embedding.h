// Backward: every thread adds all rows, in their order, but only in its own
// columns of the table.

#ifndef COGDIST_KERNELS_CPU_EMBEDDING_H_
#define COGDIST_KERNELS_CPU_EMBEDDING_H_

#include "kernels/embedding.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void EmbeddingForward(CpuStream& stream, const EmbeddingForwardArgs& args);
void EmbeddingBackward(CpuStream& stream, const EmbeddingBackwardArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_EMBEDDING_H_
