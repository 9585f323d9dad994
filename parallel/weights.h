// Weights in safetensors files, under the tensors' registered names.

#ifndef COGDIST_PARALLEL_WEIGHTS_H_
#define COGDIST_PARALLEL_WEIGHTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parallel/param_store.h"
#include "runtime/stream.h"

namespace cogdist {

// Fills every parameter from `path`: a file, or a folder with
// model.safetensors.index.json. float32 and bfloat16 are understood. A tensor
// that is missing, not expected or of another shape is an InvalidArgument error
// that names it; then the parameters are undefined.
absl::Status LoadWeights(absl::string_view path, ParamStore& params,
                         Stream& stream);

// Writes all parameters in float32, replacing `path` only when the whole file
// is written.
absl::Status SaveWeights(const ParamStore& params, Stream& stream,
                         absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_WEIGHTS_H_
