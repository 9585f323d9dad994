// Weights in safetensors files, under the tensors' registered names.

#ifndef COGDIST_PARALLEL_WEIGHTS_H_
#define COGDIST_PARALLEL_WEIGHTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "parallel/rank_context.h"
#include "runtime/stream.h"

namespace cogdist {

// Fills every parameter from `path`: a file, or a folder with model.safetensors
// or model.safetensors.index.json. F32, BF16, F16 and F64 are understood and
// become float32. A tensor that is missing, not expected or of another shape or
// type is an InvalidArgument error that names it; then the parameters are
// undefined. Every rank reads the file for itself, and no more of it than it
// holds. Where the layers are shared out over the ranks of `pipeline`, all of
// them call it, and return the same status.
absl::Status LoadWeights(absl::string_view path, ParamStore& params,
                         Stream& stream, Communicator* pipeline = nullptr);

// Writes all parameters in float32, whole, whatever the layout, replacing
// `path` only when the whole file is written. Collective over all ranks, each
// with its store: rank 0 writes, and needs host memory for the largest tensor.
// All ranks return the same status.
absl::Status SaveWeights(const ParamStore& params, RankContext& context,
                         absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_WEIGHTS_H_
