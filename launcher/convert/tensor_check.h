// Whether stored tensors are those of a model.

#ifndef COGDIST_LAUNCHER_CONVERT_TENSOR_CHECK_H_
#define COGDIST_LAUNCHER_CONVERT_TENSOR_CHECK_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "launcher/faults.h"
#include "runtime/shape.h"

namespace cogdist {

using TensorShapes = std::map<std::string, Shape>;  // by name

// Adds a line for every tensor that is missing, has another shape, or is not
// part of the model. `path` is where they are stored.
void CheckTensors(absl::string_view path, const TensorShapes& stored,
                  const TensorShapes& model, Faults& faults);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_TENSOR_CHECK_H_
