// The gradients' norm at once, for tests that need nothing else of a step.

#ifndef COGDIST_TESTS_PARALLEL_NORM_OF_H_
#define COGDIST_TESTS_PARALLEL_NORM_OF_H_

#include "parallel/optimizer.h"
#include "runtime/stream.h"

namespace cogdist::testing {

inline Optimizer::Norm NormOf(Optimizer& optimizer, Stream& stream) {
  optimizer.ReadNorm(stream);
  stream.Synchronize();
  return optimizer.LocalNorm();
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_NORM_OF_H_
