// Backward: dgain and dbias are summed over fixed ranges of rows
// (row_ranges.h).

#ifndef COGDIST_KERNELS_CPU_LAYERNORM_H_
#define COGDIST_KERNELS_CPU_LAYERNORM_H_

#include "kernels/cpu/row_ranges.h"
#include "kernels/layernorm.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void LayerNormForward(CpuStream& stream, const LayerNormForwardArgs& args);
void LayerNormBackward(CpuStream& stream, const LayerNormBackwardArgs& args);

inline int64_t LayerNormBackwardWorkspaceBytes(
    Stream&, const LayerNormBackwardArgs& args) {
  return RowRangesBytes(args.dx.dim(0), 2 * args.dx.dim(1));
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_LAYERNORM_H_
