// From positions in a sequence to indices among the tokens that are held of it.

#ifndef COGDIST_KERNELS_LOCAL_POSITION_H_
#define COGDIST_KERNELS_LOCAL_POSITION_H_

#include <array>
#include <cstdint>

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Of a sequence, two pieces are held, one behind the other: positions
// [begin[i], begin[i] + length), in ascending order. to[k] = how many of them
// lie before position from[k]: where the first token at or after it is held.
struct LocalPositionArgs {
  TensorView to;    // int32, contiguous
  TensorView from;  // int32, contiguous, of the same shape
  std::array<int64_t, 2> begin = {};
  int64_t length = 0;
};
void LocalPosition(Stream& stream, const LocalPositionArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_LOCAL_POSITION_H_
