// config.json, where other programs keep what a model is made of.
//
//   Llama       as Hugging Face Transformers writes it
//   Cogformer   the same fields with "model_type": "cogformer", which makes
//               Transformers refuse the model instead of computing something
//               else, and beside them
//                 "cog_attention": {"softmax_layers": [LAYER, ...]}
//               Every other layer has Cog attention.
//   authors     the dictionary `model_cfg` in the checkpoints of the authors'
//               published code, as JSON; only read

#ifndef COGDIST_LAUNCHER_CONVERT_MODEL_JSON_H_
#define COGDIST_LAUNCHER_CONVERT_MODEL_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/run_config.pb.h"
#include "runtime/dtype.h"

namespace cogdist {

// Sets model.cogformer, and data.eos_token_id where there is one; fields that
// the file does not have stay unset. InvalidArgument names the file and every
// field that asks for another network than ours.
absl::Status ReadModelJson(absl::string_view path, RunConfig& config);

// Of the model in `config`, which is resolved; `dtype` is its weights'. A model
// with softmax attention in every layer is Llama's.
std::string ModelJson(const RunConfig& config, DType dtype);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_MODEL_JSON_H_
