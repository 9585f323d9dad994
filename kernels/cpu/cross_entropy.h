// A row is read three times while it is in cache: maximum, exponentials with
// their sum, gradient.

#ifndef COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_
#define COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_

#include <omp.h>

#include "kernels/cross_entropy.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void CrossEntropy(CpuStream& stream, const CrossEntropyArgs& args);

// A row of exponentials per thread, where dlogits cannot hold them itself.
inline int64_t CrossEntropyWorkspaceBytes(Stream&,
                                          const CrossEntropyArgs& args) {
  if (!args.dlogits || args.dlogits.dtype == DType::kFloat32) return 0;
  return omp_get_max_threads() * args.logits.dim(1) * sizeof(float);
}

// Checks stay out of code for one instruction set: what they instantiate may be
// linked into the rest of the program.
inline void CheckTarget(int32_t target, int64_t vocab) {
  COG_CHECK_LT(target, vocab);
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_
