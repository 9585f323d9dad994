// Within 4 ulp of the formulas, where Phi(x) is a normal number; gelu's slope
// of the sum of its terms' magnitudes.
//
// Backward: Phi is computed again instead of kept, cheaper than reading
// [rows, ffn] from memory; dbias is summed over fixed ranges of rows
// (row_ranges.h).

#ifndef COGDIST_KERNELS_CPU_GELU_H_
#define COGDIST_KERNELS_CPU_GELU_H_

#include "kernels/cpu/row_ranges.h"
#include "kernels/gelu.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void GeluForward(CpuStream& stream, const GeluForwardArgs& args);
void GeluBackward(CpuStream& stream, const GeluBackwardArgs& args);

inline int64_t GeluBackwardWorkspaceBytes(Stream&,
                                          const GeluBackwardArgs& args) {
  return args.dbias ? RowRangesBytes(args.dx.dim(0), args.dx.dim(1)) : 0;
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_GELU_H_
