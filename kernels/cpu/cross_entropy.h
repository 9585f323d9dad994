// A row is read while it is in cache: for its maximum, for the exponentials
// with their sum, for the gradient. Where the vocabulary is sharded, each of
// these waits for the other ranks, and the exponentials are computed again for
// the gradient instead of being kept.

#ifndef COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_
#define COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_

#include <omp.h>

#include "kernels/cross_entropy.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void CrossEntropy(CpuStream& stream, const CrossEntropyArgs& args);
void CrossEntropyMax(CpuStream& stream, const CrossEntropyMaxArgs& args);
void CrossEntropyStats(CpuStream& stream, const CrossEntropyStatsArgs& args);
void CrossEntropyFinish(CpuStream& stream, const CrossEntropyFinishArgs& args);

// A row of exponentials per thread, where dlogits cannot hold them itself.
inline int64_t ExponentialsBytes(const TensorView& dlogits) {
  if (!dlogits || dlogits.dtype == DType::kFloat32) return 0;
  return omp_get_max_threads() * dlogits.dim(1) * sizeof(float);
}
inline int64_t CrossEntropyWorkspaceBytes(Stream&,
                                          const CrossEntropyArgs& args) {
  return ExponentialsBytes(args.dlogits);
}
inline int64_t CrossEntropyFinishWorkspaceBytes(
    Stream&, const CrossEntropyFinishArgs& args) {
  return ExponentialsBytes(args.dlogits);
}

// Checks stay out of code for one instruction set: what they instantiate may be
// linked into the rest of the program.
inline void CheckTarget(int64_t target, int64_t vocab) {
  COG_CHECK_LT(target, vocab);
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_CROSS_ENTROPY_H_
