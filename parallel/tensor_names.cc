#include "parallel/tensor_names.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cogdist {

std::set<std::string> AllTensorNames(const ParamStore& params,
                                     Communicator* pipeline) {
  std::string mine;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    absl::StrAppend(&mine, tensor.named.name, "\n");
  }
  std::set<std::string> names;
  for (const std::string& stage : pipeline == nullptr
                                      ? std::vector<std::string>{mine}
                                      : pipeline->AllGatherStrings(mine)) {
    for (const absl::string_view name :
         absl::StrSplit(stage, '\n', absl::SkipEmpty())) {
      names.emplace(name);
    }
  }
  return names;
}

}  // namespace cogdist
