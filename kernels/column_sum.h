// The gradient of a bias that was added to every row.

#ifndef COGDIST_KERNELS_COLUMN_SUM_H_
#define COGDIST_KERNELS_COLUMN_SUM_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// sum[j] += the sum over i of x[i, j], in float32 and in an order that depends
// on the shape alone.
struct ColumnSumArgs {
  TensorView sum;  // [columns] float32, accumulated
  TensorView x;    // [rows, columns]
};
void ColumnSum(Stream& stream, const ColumnSumArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_COLUMN_SUM_H_
