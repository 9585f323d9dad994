#include "launcher/convert/checkpoint_export.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "launcher/convert/tensor_check.h"
#include "launcher/faults.h"
#include "launcher/run_directory.h"
#include "models/cogformer.h"
#include "parallel/checkpoint/manifest_check.h"
#include "parallel/checkpoint/slice_reader.h"
#include "parallel/checkpoint/tensor_reader.h"
#include "runtime/data/tokenizer.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// That the checkpoint holds the model that its configuration describes.
absl::Status CheckParameters(const StoredCheckpoint& checkpoint) {
  TensorShapes stored;
  for (const CheckpointTensor& tensor : checkpoint.manifest.tensors()) {
    if (tensor.role() == PARAM) stored[tensor.name()] = ShapeOf(tensor);
  }
  TensorShapes model;
  for (const NamedTensor& parameter :
       ParametersOf(checkpoint.manifest.config().model().cogformer())) {
    model[parameter.name] = parameter.shape;
  }
  Faults faults;
  CheckTensors(checkpoint.path, stored, model, faults);
  return faults.ToStatus();
}

// Empty where there is no such file.
std::string TokenizerPath(const StoredCheckpoint& checkpoint) {
  // RUN_DIR/checkpoints/step_N
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::canonical(checkpoint.path, error);
  const RunDirectory run(folder.parent_path().parent_path().string());
  if (FileExists(run.tokenizer_path())) return run.tokenizer_path();
  const std::string& path = checkpoint.manifest.config().tokenizer();
  return path != "bytes" && FileExists(path) ? path : "";
}

// Without it Transformers takes every Llama's tokenizer for SentencePiece's.
std::string TokenizerJson(const Tokenizer& tokenizer, const RunConfig& config) {
  nlohmann::ordered_json object;
  object["tokenizer_class"] = "PreTrainedTokenizerFast";
  object["model_max_length"] = config.model().cogformer().max_seq_len();
  object["clean_up_tokenization_spaces"] = false;
  if (config.data().has_eos_token_id()) {
    const int32_t eos = config.data().eos_token_id();
    object["eos_token"] = tokenizer.Decode({eos});
  }
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

absl::Status AddTokenizer(const StoredCheckpoint& checkpoint,
                          ModelFolder& folder) {
  const std::string path = TokenizerPath(checkpoint);
  if (path.empty()) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                       LoadTokenizer(path));
  COG_ASSIGN_OR_RETURN(folder.extra_files["tokenizer.json"], ReadFile(path));
  folder.extra_files["tokenizer_config.json"] =
      TokenizerJson(*tokenizer, folder.config);
  folder.config.set_tokenizer("tokenizer.json");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WeightFilesSummary> ExportCheckpoint(
    FileSystem& files, const StoredCheckpoint& checkpoint,
    const ModelFolderOptions& options) {
  ModelFolder folder = {.config = ModelOf(checkpoint.manifest.config())};
  if (const absl::Status model = CheckModelOf(folder.config); !model.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        checkpoint.path, ": its configuration: ", model.message()));
  }
  COG_RETURN_IF_ERROR(CheckParameters(checkpoint));
  COG_RETURN_IF_ERROR(AddTokenizer(checkpoint, folder));
  SliceReader slices(files, checkpoint);
  const auto read = [&](const NamedTensor& parameter, absl::Span<float> out) {
    const CheckpointTensor* const tensor =
        FindTensor(checkpoint.manifest, parameter.name, PARAM);
    return TensorReader(*tensor, WholeRegion(parameter.shape), slices)
        .Read(0, out);
  };
  return WriteModelFolder(options, folder, read, files);
}

}  // namespace cogdist
