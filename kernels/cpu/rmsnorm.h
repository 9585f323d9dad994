// Backward: dgain is summed over fixed ranges of rows, then over the ranges in
// their order, so that its bits do not depend on the thread count.

#ifndef COGDIST_KERNELS_CPU_RMSNORM_H_
#define COGDIST_KERNELS_CPU_RMSNORM_H_

#include <algorithm>

#include "kernels/rmsnorm.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void RmsNormForward(CpuStream& stream, const RmsNormForwardArgs& args);
void RmsNormBackward(CpuStream& stream, const RmsNormBackwardArgs& args);

// How many ranges of rows have a dgain of their own.
inline int64_t RmsNormRowRanges(int64_t rows) {
  return std::min<int64_t>(rows, 64);
}
inline int64_t RmsNormBackwardWorkspaceBytes(Stream&,
                                             const RmsNormBackwardArgs& args) {
  return RmsNormRowRanges(args.dx.dim(0)) * args.dx.dim(1) * sizeof(float);
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_RMSNORM_H_
