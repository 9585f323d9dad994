// A model in a folder that other programs read, and that ours goes on from:
//
//   model.safetensors, or several and an index (weight_files.h)
//   config.json                                (model_json.h)
//   config.pbtxt         a run's configuration with the model, these weights as
//                        init_from and the tokenizer
//   tokenizer.json and tokenizer_config.json, if there is a tokenizer

#ifndef COGDIST_LAUNCHER_CONVERT_MODEL_FOLDER_H_
#define COGDIST_LAUNCHER_CONVERT_MODEL_FOLDER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/convert/weight_files.h"
#include "proto/run_config.pb.h"
#include "runtime/posix_file_system.h"

namespace cogdist {

// What the user chooses.
struct ModelFolderOptions {
  std::string path;  // must not exist yet; no slash at the end
  DType dtype = DType::kFloat32;
  int64_t max_file_bytes = 5'000'000'000;
};

struct ModelFolder {
  // From ModelOf(). Its tokenizer is `bytes`, or one of extra_files.
  RunConfig config;
  // Further files, their contents by name.
  std::map<std::string, std::string> extra_files;
};

// What a model folder keeps of a configuration: model, end-of-document token,
// and the tokenizer if it is `bytes`.
RunConfig ModelOf(const RunConfig& config);

// Whether the model in a resolved configuration is one that can be made.
absl::Status CheckModelOf(const RunConfig& config);

// REQUIRES: CheckModelOf(folder.config) has passed.
// Writes the folder, which appears whole or not at all; the one above it must
// exist. `read` gives the model's parameters, by our names.
absl::StatusOr<WeightFilesSummary> WriteModelFolder(
    const ModelFolderOptions& options, const ModelFolder& folder,
    ReadTensor read, FileSystem& files = PosixFileSystem());

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_MODEL_FOLDER_H_
