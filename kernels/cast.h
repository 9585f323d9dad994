// Conversion between float32 and bfloat16 (to nearest, ties to even); a plain
// copy between equal types.

#ifndef COGDIST_KERNELS_CAST_H_
#define COGDIST_KERNELS_CAST_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct CastArgs {
  TensorView to;    // contiguous
  TensorView from;  // contiguous, as many elements
};
void Cast(Stream& stream, const CastArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_CAST_H_
