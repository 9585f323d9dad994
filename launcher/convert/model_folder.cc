#include "launcher/convert/model_folder.h"

#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "launcher/convert/model_json.h"
#include "launcher/validate.h"
#include "models/cogformer.h"
#include "runtime/atomic_folder.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

std::string ConfigText(const ModelFolder& folder, const std::string& path) {
  RunConfig config = folder.config;
  config.set_name(std::filesystem::path(path).filename().string());
  config.set_init_from(path);
  if (folder.extra_files.contains(config.tokenizer())) {
    config.set_tokenizer(absl::StrCat(path, "/", config.tokenizer()));
  }
  return absl::StrCat(
      "# For training, add data, batch.global_batch_size, "
      "lr_schedule.peak_lr and\n# train_steps.\n",
      PrintRunConfig(config));
}

}  // namespace

RunConfig ModelOf(const RunConfig& config) {
  RunConfig model;
  *model.mutable_model() = config.model();
  if (config.data().has_eos_token_id()) {
    model.mutable_data()->set_eos_token_id(config.data().eos_token_id());
  }
  if (config.tokenizer() == "bytes") model.set_tokenizer("bytes");
  return model;
}

absl::Status CheckModelOf(const RunConfig& config) {
  return ValidateConfig(
      config,
      {.purpose = ValidateOptions::Purpose::kGeneration, .check_files = false});
}

absl::StatusOr<WeightFilesSummary> WriteModelFolder(
    const ModelFolderOptions& options, const ModelFolder& folder,
    ReadTensor read, FileSystem& files) {
  COG_ASSIGN_OR_RETURN(AtomicFolder output,
                       AtomicFolder::Create(options.path, files));
  std::map<std::string, std::string> texts = folder.extra_files;
  texts["config.json"] = ModelJson(folder.config, options.dtype);
  texts["config.pbtxt"] = ConfigText(folder, options.path);
  for (const auto& [name, text] : texts) {
    COG_RETURN_IF_ERROR(WriteFileAtomically(
        absl::StrCat(output.path(), "/", name), text, files));
  }
  const std::vector<NamedTensor> parameters =
      ParametersOf(folder.config.model().cogformer());
  COG_ASSIGN_OR_RETURN(
      const WeightFilesSummary summary,
      WriteWeightFiles({.files = files,
                        .folder = output.path(),
                        .tensors = parameters,
                        .dtype = options.dtype,
                        .max_file_bytes = options.max_file_bytes},
                       read));
  COG_RETURN_IF_ERROR(output.Commit());
  return summary;
}

}  // namespace cogdist
