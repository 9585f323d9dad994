// The one element-wise operation that no other kernel has absorbed.

#ifndef COGDIST_KERNELS_ELEMENTWISE_H_
#define COGDIST_KERNELS_ELEMENTWISE_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// y += x. Of the same type and shape, or both contiguous and as large.
struct AddArgs {
  TensorView y;
  TensorView x;
};
void Add(Stream& stream, const AddArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_ELEMENTWISE_H_
