// Backward: dgain is summed over fixed ranges of rows (row_ranges.h).

#ifndef COGDIST_KERNELS_CPU_RMSNORM_H_
#define COGDIST_KERNELS_CPU_RMSNORM_H_

#include "kernels/cpu/row_ranges.h"
#include "kernels/rmsnorm.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void RmsNormForward(CpuStream& stream, const RmsNormForwardArgs& args);
void RmsNormBackward(CpuStream& stream, const RmsNormBackwardArgs& args);

inline int64_t RmsNormBackwardWorkspaceBytes(Stream&,
                                             const RmsNormBackwardArgs& args) {
  return RowRangesBytes(args.dx.dim(0), args.dx.dim(1));
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_RMSNORM_H_
