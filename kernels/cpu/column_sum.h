// Sums over fixed ranges of rows (row_ranges.h).

#ifndef COGDIST_KERNELS_CPU_COLUMN_SUM_H_
#define COGDIST_KERNELS_CPU_COLUMN_SUM_H_

#include "kernels/column_sum.h"
#include "kernels/cpu/row_ranges.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void ColumnSum(CpuStream& stream, const ColumnSumArgs& args);

inline int64_t ColumnSumWorkspaceBytes(Stream&, const ColumnSumArgs& args) {
  return RowRangesBytes(args.x.dim(0), args.x.dim(1));
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_COLUMN_SUM_H_
