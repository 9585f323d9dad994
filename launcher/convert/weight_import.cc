#include "launcher/convert/weight_import.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "launcher/config_override.h"
#include "launcher/convert/foreign_weights.h"
#include "launcher/convert/model_json.h"
#include "models/cogformer.h"
#include "runtime/data/tokenizer.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The folder that the weights lie in.
std::string FolderOf(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error)
             ? path
             : std::string(ParentDirectory(path));
}

// What is said about the model, with the overrides.
absl::StatusOr<RunConfig> ReadConfig(const ImportOptions& options) {
  std::string path = options.config;
  if (path.empty()) {
    const std::string beside =
        absl::StrCat(FolderOf(options.path), "/config.json");
    if (FileExists(beside)) path = beside;
  }
  if (!path.empty() && !absl::EndsWith(path, ".json")) {
    return LoadRunConfig(path, options.overrides);
  }
  RunConfig config;
  config.mutable_model()->mutable_cogformer();
  if (!path.empty()) COG_RETURN_IF_ERROR(ReadModelJson(path, config));
  COG_RETURN_IF_ERROR(ApplyOverrides(options.overrides, config));
  return config;
}

// The published Cogformer's attention, which its tensors do not tell.
void AssumePublished(CogformerConfig& model) {
  if (model.has_attention()) return;
  model.mutable_attention()->set_kind(AttentionConfig::COG);
  model.mutable_attention()->add_softmax_layers(0);
  model.mutable_attention()->add_softmax_layers(-1);
}

// Of the model alone, resolved and valid.
absl::StatusOr<RunConfig> DescribeModel(const ForeignWeights& weights,
                                        const RunConfig& said) {
  RunConfig config = ModelOf(said);
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  if (weights.layout() == WeightLayout::kAuthors) AssumePublished(model);
  if (!model.attention().has_kind()) {
    return absl::InvalidArgumentError(
        "model.cogformer.attention.kind: the tensors do not tell; name a "
        "configuration with --config, or use --set "
        "model.cogformer.attention.kind=SOFTMAX for a Llama");
  }
  weights.Describe(model);
  ResolveConfig("", config);
  const absl::Status status = CheckModelOf(config);
  if (status.ok()) return ModelOf(config);
  return absl::InvalidArgumentError(absl::StrCat(
      status.message(),
      "\nwhat the tensors do not tell can be given with --config or --set"));
}

// The tokenizer beside the weights, and how Transformers is to use it.
absl::Status AddTokenizer(const std::string& source, ModelFolder& folder) {
  for (const char* const name : {"tokenizer.json", "tokenizer_config.json"}) {
    const std::string path = absl::StrCat(source, "/", name);
    if (!FileExists(path)) continue;
    COG_ASSIGN_OR_RETURN(folder.extra_files[name], ReadFile(path));
  }
  // One that only other programs understand is none for ours.
  if (LoadTokenizer(absl::StrCat(source, "/tokenizer.json")).ok()) {
    folder.config.set_tokenizer("tokenizer.json");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WeightFilesSummary> ImportWeights(const ImportOptions& options) {
  COG_ASSIGN_OR_RETURN(const ForeignWeights weights,
                       ForeignWeights::Open(options.path));
  COG_ASSIGN_OR_RETURN(const RunConfig said, ReadConfig(options));
  ModelFolder folder;
  COG_ASSIGN_OR_RETURN(folder.config, DescribeModel(weights, said));
  const CogformerConfig& model = folder.config.model().cogformer();
  COG_RETURN_IF_ERROR(weights.Check(ParametersOf(model)));
  COG_RETURN_IF_ERROR(AddTokenizer(FolderOf(options.path), folder));
  const auto read = [&](const NamedTensor& parameter, absl::Span<float> out) {
    return weights.Read(parameter, model.head_dim(), out);
  };
  return WriteModelFolder(options.output, folder, read);
}

}  // namespace cogdist
