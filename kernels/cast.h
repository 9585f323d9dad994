// Conversion between float32 and bfloat16 (to nearest, ties to even), or a
// plain copy of either. Slices may be cast where they lie.

#ifndef COGDIST_KERNELS_CAST_H_
#define COGDIST_KERNELS_CAST_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct CastArgs {
  TensorView to;
  TensorView from;  // of the same shape, or both contiguous and as large
};
void Cast(Stream& stream, const CastArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_CAST_H_
