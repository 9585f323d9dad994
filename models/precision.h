// What the configuration's precision means for the network's tensors.

#ifndef COGDIST_MODELS_PRECISION_H_
#define COGDIST_MODELS_PRECISION_H_

#include "proto/run_config.pb.h"
#include "runtime/dtype.h"

namespace cogdist {

// The type of activations and of the weights that the network reads.
inline DType ActivationType(Precision precision) {
  return precision == BF16 ? DType::kBFloat16 : DType::kFloat32;
}

}  // namespace cogdist

#endif  // COGDIST_MODELS_PRECISION_H_
