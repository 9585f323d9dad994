// From other programs' weights to a folder that training begins from.

#ifndef COGDIST_LAUNCHER_CONVERT_WEIGHT_IMPORT_H_
#define COGDIST_LAUNCHER_CONVERT_WEIGHT_IMPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/convert/model_folder.h"

namespace cogdist {

struct ImportOptions {
  std::string path;  // a safetensors file, or a folder of them
  // A config.json, or a run's configuration; empty: config.json beside the
  // weights, if there is one.
  std::string config;
  // PATH=VALUE, which win over that.
  std::vector<std::string> overrides;
  ModelFolderOptions output;
};

// What neither says is read off the tensors. InvalidArgument before anything is
// written, with a line for everything that is missing, contradicts or is not
// supported.
absl::StatusOr<WeightFilesSummary> ImportWeights(const ImportOptions& options);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_WEIGHT_IMPORT_H_
