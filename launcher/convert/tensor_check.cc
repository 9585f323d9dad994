#include "launcher/convert/tensor_check.h"

namespace cogdist {

void CheckTensors(absl::string_view path, const TensorShapes& stored,
                  const TensorShapes& model, Faults& faults) {
  for (const auto& [name, shape] : model) {
    const auto found = stored.find(name);
    if (found == stored.end()) {
      faults.Add(path, "tensor ", name, " ", shape.ToString(), " is missing");
    } else if (!(found->second == shape)) {
      faults.Add(path, "tensor ", name, " has shape ", found->second.ToString(),
                 ", the model's is ", shape.ToString());
    }
  }
  for (const auto& [name, shape] : stored) {
    if (model.contains(name)) continue;
    faults.Add(path, "tensor ", name, " ", shape.ToString(),
               " is not part of the model");
  }
}

}  // namespace cogdist
