// Weights in safetensors files, under the tensors' registered names.

#ifndef COGDIST_PARALLEL_WEIGHTS_H_
#define COGDIST_PARALLEL_WEIGHTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parallel/param_store.h"
#include "runtime/stream.h"

namespace cogdist {

// Fills every parameter from `path`: a file, or a folder with model.safetensors
// or model.safetensors.index.json. F32, BF16, F16 and F64 are understood and
// become float32. A tensor that is missing, not expected or of another shape or
// type is an InvalidArgument error that names it; then the parameters are
// undefined. Every rank reads the file for itself.
absl::Status LoadWeights(absl::string_view path, ParamStore& params,
                         Stream& stream);

// Writes all parameters in float32, replacing `path` only when the whole file
// is written. Takes as much host memory as the float32 weights. Replicas hold
// the same: one rank's call is enough.
absl::Status SaveWeights(const ParamStore& params, Stream& stream,
                         absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_WEIGHTS_H_
