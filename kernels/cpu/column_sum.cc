#include "kernels/cpu/column_sum.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/column_sum.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

void ColumnSum(CpuStream& stream, const ColumnSumArgs& args) {
  const int64_t rows = args.x.dim(0), columns = args.x.dim(1);
  float* const partial = static_cast<float*>(
      stream.Workspace(ColumnSumWorkspaceBytes(stream, args)));
  DispatchFloat(args.x.dtype, [&]<typename T>(T) {
    SumRowRanges(rows, columns, columns * sizeof(T), partial,
                 [&](int64_t row, float* sums) {
                   const T* const x = args.x.Data<T>() + row * columns;
                   ForEachVector(columns, [&](int64_t i, auto part) {
                     Store(hn::Add(Load(x + i, part), Load(sums + i, part)),
                           sums + i, part);
                   });
                 });
  });
  AddRowRanges({args.sum.Data<float>(), static_cast<size_t>(columns)}, partial,
               rows, columns);
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(ColumnSum);
